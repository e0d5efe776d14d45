//===- Interpreter.h - runs a template --------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_INTERPRETER_INTERPRETER_H
#define SWALLOW_RUNTIME_JINJA_INTERPRETER_INTERPRETER_H

#include "runtime/jinja/Template.h"
#include "runtime/jinja/interpreter/Activation.h"
#include "runtime/jinja/syntax/Ast.h"
#include "runtime/jinja/value/Operators.h"

#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

/// Text that grows, charged to the budget while it lives.
class Output {
public:
  explicit Output(Environment &env) : env_(env) {}
  Output(const Output &) = delete;
  Output &operator=(const Output &) = delete;
  ~Output() { env_.budget.give(charged_); }

  Status append(std::string_view text);
  /// str(value).
  Status print(const Value &value);
  size_t size() const { return text_.size(); }
  std::string take() { return std::move(text_); }

private:
  void settle();

  Environment &env_;
  std::string text_;
  size_t charged_ = 0;
};

/// One rendering of a resolved tree. The tree, the environment and the
/// interpreter outlive every value of it.
class Interpreter {
public:
  Interpreter(const ast::Template &tree, const Value &context,
              Environment &env);
  Result<RenderResult> run();

  /// What the objects of RenderObjects.h ask for.
  Result<Value> callMacro(const ast::Stmt &macro, const Ref<Activation> &outer,
                          const Arguments &arguments);
  /// The text of a recursive loop at a depth, from 0.
  Result<Value> callLoop(const ast::Stmt &loop, const Ref<Activation> &outer,
                         const Value &iterable, size_t depth);
  Result<Value> callBlock(const ast::Stmt &block, const Ref<Context> &context);
  /// Whether a loop's filter lets `item` through, and what it then yields.
  Result<std::optional<Value>>
  filterItem(const ast::Stmt &loop, Activation &variables, const Value &item);
  const ast::Stmt *findBlock(std::string_view name) const;

private:
  /// Of expressions, statements and calls inside of each other. Python allows
  /// macros to call each other about 190 times; this allows that for macros of
  /// the usual nesting, and bounds the stack.
  static constexpr unsigned maxDepth = 1000;

  enum class Flow { Normal, Break, Continue };

  // Statements (Interpreter.cpp).
  Result<Flow> execute(const std::vector<ast::StmtPtr> &body,
                       Activation &variables, Output &out);
  Result<Flow> execute(const ast::Stmt &stmt, Activation &variables,
                       Output &out);
  Result<Flow> dispatch(const ast::Stmt &stmt, Activation &variables,
                        Output &out);
  Status print(const ast::Stmt &stmt, Activation &variables, Output &out);
  Result<Flow> executeIf(const ast::Stmt &stmt, Activation &variables,
                         Output &out);
  Status set(const ast::Stmt &stmt, Activation &variables);
  Result<Flow> setBlock(const ast::Stmt &stmt, Activation &variables);
  Result<Flow> filterBlock(const ast::Stmt &stmt, Activation &variables,
                           Output &out);
  Result<Flow> with(const ast::Stmt &stmt, Activation &variables, Output &out);
  Result<Flow> autoescape(const ast::Stmt &stmt, Activation &variables,
                          Output &out);
  Status defineMacro(const ast::Stmt &stmt, Activation &variables);
  Status callBlockStatement(const ast::Stmt &stmt, Activation &variables,
                            Output &out);
  Status generation(const ast::Stmt &stmt, Activation &variables, Output &out);
  Status block(const ast::Stmt &stmt, Activation &variables, Output &out);
  Status renderBlock(const ast::Stmt &stmt, const Ref<Context> &context,
                     Output &out);
  Status printText(const Value &text, Output &out);
  Status assign(const ast::Expr &target, const Value &value,
                Activation &variables);
  Status unpack(const ast::Expr &target, const Value &value,
                Activation &variables);
  Status checkNamespaces(const ast::Expr &target, Activation &variables);
  void publish(const ast::Expr &target, Activation &variables);

  // Loops and macros (Calls.cpp).
  Result<Flow> loop(const ast::Stmt &stmt, Activation &variables, Output &out);
  Result<Flow> runLoop(const ast::Stmt &stmt, const Ref<Activation> &outer,
                       Activation &variables, const Value &iterable,
                       size_t depth, Output &out);
  Result<Flow> runLoopBody(const ast::Stmt &stmt, Activation &variables,
                           const Value &item, const Value *loopObject,
                           Output &out);
  Status bindArguments(const ast::Stmt &macro, Activation &variables,
                       const Arguments &arguments);

  // Expressions (Expressions.cpp).
  Result<Value> evaluate(const ast::Expr &expr, Activation &variables);
  Result<Value> compute(const ast::Expr &expr, Activation &variables);
  Value read(const ast::Expr &name, Activation &variables);
  Result<bool> test(const ast::Expr &expr, Activation &variables);
  Result<std::vector<Value>> evaluateAll(const std::vector<ast::ExprPtr> &exprs,
                                         Activation &variables);
  Result<Value> evaluateDict(const ast::Expr &expr, Activation &variables);
  Result<Value> evaluateBinary(const ast::Expr &expr, Activation &variables);
  Result<Value> evaluateLogic(const ast::Expr &expr, Activation &variables);
  Result<Value> evaluateConcat(const ast::Expr &expr, Activation &variables);
  Result<Value> evaluateCompare(const ast::Expr &expr, Activation &variables);
  Result<Value> evaluateConditional(const ast::Expr &expr,
                                    Activation &variables);
  Result<Value> evaluateItem(const ast::Expr &expr, Activation &variables);
  Result<Value> evaluateCall(const ast::Expr &expr, Activation &variables,
                             const Value *caller);
  Result<Value> evaluateFilter(const ast::Expr &expr, Activation &variables);
  Result<Value> evaluateTest(const ast::Expr &expr, Activation &variables);
  Result<Arguments> evaluateArguments(const ast::Expr &expr,
                                      Activation &variables);
  /// `text` through the filters of a block.
  Result<Value> applyFilters(const ast::Expr &filter, Activation &variables,
                             const Value &text);
  Value readTarget(const ast::Expr &target, Activation &variables);

  /// While one of these lives, something is evaluated inside of something.
  class Level {
  public:
    explicit Level(Interpreter &interpreter)
        : depth_(++interpreter.depth_), interpreter_(interpreter) {}
    ~Level() { --interpreter_.depth_; }
    Level(const Level &) = delete;
    Level &operator=(const Level &) = delete;
    bool tooDeep() const { return depth_ > maxDepth; }

  private:
    unsigned depth_;
    Interpreter &interpreter_;
  };

  bool escapes(ast::Escaping escaping) const {
    return escaping == ast::Escaping::On ||
           (escaping == ast::Escaping::Dynamic && env_.autoescape);
  }
  /// Text that a block made, marked as safe where `safe`.
  Value textValue(std::string text, bool safe) {
    return safe ? Value::safeString(std::move(text), &env_.budget)
                : Value::string(std::move(text), &env_.budget);
  }
  Result<Ref<Activation>> newActivation(uint32_t slots, Ref<Activation> parent,
                                        const Ref<Context> &context);
  /// A scope may have any number of variables, whatever its body does.
  Status enter(const ast::Scope &scope, Activation &variables) {
    SWALLOW_TRY(env_.budget.step(scope.loads.size()));
    variables.enter(scope);
    return {};
  }
  /// The error with the position, unless it has one or must be left alone.
  Error locate(ast::Position position, Error error) const;

  const ast::Template &tree_;
  Environment &env_;
  Ref<Context> context_;
  Output output_; // the whole template's
  std::vector<Span> generation_;
  const Value *blockText_ = nullptr; // what a filter block filters
  Filter escape_;
  unsigned depth_ = 0;
};

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_INTERPRETER_INTERPRETER_H
