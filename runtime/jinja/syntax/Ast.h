//===- Ast.h - the syntax tree of a template --------------------*- C++ -*-===//
//
// What the parser makes, the compiled form stores and the interpreter runs.
// Expressions and statements are one struct each, with a kind that says which
// fields mean something: storing, checking and walking them stays one piece of
// code each. Fields below "Resolved" are filled by interpreter/Scopes.h.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_SYNTAX_AST_H
#define SWALLOW_RUNTIME_JINJA_SYNTAX_AST_H

#include "runtime/jinja/library/Library.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/jinja/value/Value.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace swallow::jinja::ast {

/// Nesting of statements and expressions together. Everything that walks a tree
/// recurses no deeper.
constexpr uint32_t maxTreeDepth = 200;

/// What a macro, a call and a template may have, so that looking for one of
/// them in order stays cheap.
constexpr size_t maxParameters = 1000;
constexpr size_t maxBlocks = 64;

/// Counted from 1; columns in code points.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

/// "template line 3, column 14: `message`".
std::string describe(Position position, std::string_view message);

/// A variable of a running function: `hops` functions outwards from the one
/// that mentions it, `index` there.
struct Slot {
  uint32_t hops = 0;
  uint32_t index = 0;
};

/// Whether output is escaped: jinja2 decides where the text stands in the
/// template, unless {% autoescape %} has an expression that is not a constant.
enum class Escaping : uint8_t { Off, On, Dynamic };

// The numbers of kinds and operators are part of the compiled form
// (template.fbs): append only.
enum class ExprKind : uint8_t {
  None,
  Bool,         // integer: 0 or 1
  Int,          // integer
  Float,        // number
  String,       // text
  Data,         // text between tags: text
  Name,         // text
  NamespaceRef, // text.attribute, as a target only
  Tuple,        // operands
  List,         // operands
  Dict,         // operands: key, value, key, value, ...
  Binary,       // operators[0] is a BinaryOp; operands: left, right
  Negative,     // operands[0]
  Positive,     // operands[0]
  Not,          // operands[0]
  And,          // operands, at least 2
  Or,           // operands, at least 2
  Concat,       // operands, at least 2
  Compare,      // operands[0] operators[0] operands[1] operators[1] ...
  Conditional,  // operands: value, test[, otherwise]
  Attribute,    // operands[0].text
  Item,         // operands[0][operands[1]]
  Slice,        // operands: start, stop, step, None where left out
  Call,         // operands[0](arguments)
  Filter,       // operands[0]|text(arguments); no operand in a filter block
  Test,         // operands[0] is text(arguments)
};
constexpr ExprKind lastExprKind = ExprKind::Test;

/// The first are CompareOp's.
enum class Comparison : uint8_t {
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
};
constexpr Comparison lastComparison = Comparison::NotIn;
constexpr BinaryOp lastBinaryOp = BinaryOp::Power;

struct Expr;
struct Stmt;
using ExprPtr = std::unique_ptr<Expr>;
using StmtPtr = std::unique_ptr<Stmt>;

struct Keyword {
  std::string name;
  ExprPtr value;
};

struct Expr {
  ExprKind kind = ExprKind::None;
  Position position;
  uint32_t depth = 1; // of the tree from here
  std::string text;
  std::string attribute;
  int64_t integer = 0;
  double number = 0;
  std::vector<uint8_t> operators;
  std::vector<ExprPtr> operands;
  // Call, Filter, Test: f(positional..., name=..., *star, **doubleStar).
  std::vector<ExprPtr> positional;
  std::vector<Keyword> keywords;
  ExprPtr star;
  ExprPtr doubleStar;

  // Resolved.
  Slot slot;                         // Name, NamespaceRef
  Escaping escaping = Escaping::Off; // Concat; what is printed
  Value constant;                    // None, Bool, Int, Float, String
  swallow::jinja::Filter filter = nullptr;
  swallow::jinja::Test test = nullptr;
};

enum class StmtKind : uint8_t {
  Output,      // expressions are printed
  For,         // for target in value if test: body, elseBody
  If,          // if value: body; branches are its elifs; elseBody
  Set,         // target = value
  SetBlock,    // target = body, through the Filter in value if there is one
  Macro,       // name(parameters = expressions): body
  CallBlock,   // call(parameters = expressions) value, with body as caller
  FilterBlock, // body through the Filter in value
  With,        // targets = expressions: body
  Autoescape,  // value: body
  Block,       // name: body
  Generation,  // body
  Break,
  Continue,
};
constexpr StmtKind lastStmtKind = StmtKind::Continue;

/// What a scope's variables are when it is entered.
struct Load {
  enum Action : uint8_t {
    Resolve,   // the context's variable `name`
    Alias,     // another variable's value
    Undefined, // nothing yet
    Parameter, // set by whoever enters
  };
  Action action = Parameter;
  uint32_t target = 0; // in the running function
  Slot source;         // Alias
  std::string name;    // Resolve
};

/// The variables of a body: those of jinja2's frames.
struct Scope {
  std::vector<Load> loads;
};

/// Filled for a For.
struct LoopInfo {
  std::optional<uint32_t> loopSlot; // where the body mentions `loop`
  Scope body;
  Scope otherwise;
  Scope test;             // of a function of its own, with:
  ExprPtr testTarget;     // its copy of the target
  uint32_t testSlots = 0; // and so many variables
  uint32_t loopSlots = 0; // of the function, where the loop is recursive
};

/// Filled for what is called: Macro, CallBlock and Generation.
struct MacroInfo {
  uint32_t slots = 0;
  Slot name; // Macro: the variable that is set to it
  Scope scope;
  std::vector<uint32_t> parameters;
  std::optional<uint32_t> caller; // where the body mentions it
  std::optional<uint32_t> kwargs;
  std::optional<uint32_t> varargs;
  bool accessesCaller = false; // also where it is a declared parameter
};

/// Filled for a Block.
struct BlockInfo {
  uint32_t slots = 0;
  Scope scope;
  std::optional<uint32_t> self;
  std::optional<uint32_t> super;
  /// {% block x scoped %}: the variables that it sees.
  std::vector<std::pair<std::string, Slot>> visible;
};

struct Stmt {
  StmtKind kind = StmtKind::Output;
  Position position;
  uint32_t depth = 1;
  std::string name;
  std::vector<std::string> parameters;
  std::vector<ExprPtr> expressions; // the last parameters' defaults, e.g.
  ExprPtr target;
  std::vector<ExprPtr> targets;
  ExprPtr value;
  ExprPtr test;
  std::vector<StmtPtr> body;
  std::vector<StmtPtr> branches;
  std::vector<StmtPtr> elseBody;
  bool recursive = false; // For
  bool scoped = false;    // Block
  bool required = false;  // Block

  // Resolved.
  Escaping escaping = Escaping::Off;
  bool topLevel = false; // a Set that the context sees, too
  Scope scope;           // SetBlock, FilterBlock, With, Autoescape
  std::unique_ptr<LoopInfo> loop;
  std::unique_ptr<MacroInfo> macro;
  std::unique_ptr<BlockInfo> block;
};

/// Sets a node's depth from its children's; false where the tree is deeper than
/// maxTreeDepth.
bool seal(Expr &expr);
bool seal(Stmt &stmt);

struct Template {
  std::string source;
  std::vector<StmtPtr> body;

  // Resolved.
  uint32_t slots = 0;
  Scope scope;
  std::optional<uint32_t> self;
  std::vector<const Stmt *> blocks;
};

} // namespace swallow::jinja::ast

#endif // SWALLOW_RUNTIME_JINJA_SYNTAX_AST_H
