//===- Parser.cpp - PTX tokens into a module ------------------------------===//

#include "test/cuda-emulator/ptx/Parser.h"

#include "test/cuda-emulator/ptx/Lexer.h"

#include <algorithm>
#include <bit>

namespace swallow::emulator::ptx {

namespace {

class Parser {
public:
  Parser(std::string_view text, std::vector<Token> tokens)
      : text_(text), tokens_(std::move(tokens)) {}

  Result<Module> run() {
    while (peek().kind != Token::Kind::End)
      SWALLOW_TRY(topLevel());
    return std::move(module_);
  }

private:
  const Token &peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token take() {
    Token token = peek();
    if (at_ + 1 < tokens_.size())
      ++at_;
    return token;
  }
  bool accept(char c) {
    if (!peek().is(c))
      return false;
    take();
    return true;
  }
  bool acceptDotted(std::string_view word) {
    if (!peek().isDotted(word))
      return false;
    take();
    return true;
  }
  Error error(const std::string &message) const {
    return errorAt(text_, peek().line, message);
  }
  Status expect(char c) {
    if (accept(c))
      return {};
    return error(std::string("expected '") + c + "'");
  }
  /// Directives that end with their line: .file, .loc.
  void skipLine() {
    int line = peek().line;
    while (peek().kind != Token::Kind::End && peek().line == line)
      take();
  }

  Result<uint64_t> integer() {
    bool negative = accept('-');
    if (peek().kind != Token::Kind::Integer)
      return error("expected an integer");
    uint64_t value = take().bits;
    return negative ? ~value + 1 : value;
  }

  // Constant expressions with + - * / << >> and parentheses, over int64.
  Result<uint64_t> expression() {
    SWALLOW_ASSIGN(uint64_t left, term());
    while (peek().is('+') || peek().is('-')) {
      bool add = take().is('+');
      SWALLOW_ASSIGN(uint64_t right, term());
      left = add ? left + right : left - right;
    }
    return left;
  }
  Result<uint64_t> term() {
    SWALLOW_ASSIGN(uint64_t left, factor());
    while (peek().is('*') || peek().is('/')) {
      bool multiply = take().is('*');
      SWALLOW_ASSIGN(uint64_t right, factor());
      if (!multiply && right == 0)
        return error("division by zero in a constant");
      left = multiply ? left * right : left / right;
    }
    return left;
  }
  Result<uint64_t> factor() {
    if (accept('(')) {
      SWALLOW_ASSIGN(uint64_t value, expression());
      SWALLOW_TRY(expect(')'));
      return value;
    }
    if (accept('~')) {
      SWALLOW_ASSIGN(uint64_t value, factor());
      return ~value;
    }
    return integer();
  }

  Status topLevel() {
    Token token = peek();
    if (token.kind != Token::Kind::Dotted)
      return error("expected a directive");
    std::string_view word = token.text;
    if (word == "version") {
      take();
      // 7.8 lexes as a float.
      Token number = take();
      if (number.kind == Token::Kind::Float)
        module_.version =
            static_cast<int>(std::bit_cast<double>(number.bits) * 10 + 0.5);
      else
        return error("expected a version like 7.8");
      return {};
    }
    if (word == "target") {
      take();
      module_.target = std::string(take().text);
      while (accept(','))
        take();
      return {};
    }
    if (word == "address_size") {
      take();
      if (take().bits != 64)
        return error("only .address_size 64 is supported");
      return {};
    }
    if (word == "file" || word == "loc") {
      skipLine();
      return {};
    }
    if (word == "pragma") {
      take();
      take();
      return expect(';');
    }
    if (word == "section") {
      while (!peek().is('{') && peek().kind != Token::Kind::End)
        take();
      while (!peek().is('}') && peek().kind != Token::Kind::End)
        take();
      return expect('}');
    }
    if (word == "alias") {
      take();
      std::string alias(take().text);
      SWALLOW_TRY(expect(','));
      module_.aliases[alias] = std::string(take().text);
      return expect(';');
    }
    bool isExtern = false;
    while (true) {
      if (acceptDotted("extern"))
        isExtern = true;
      else if (!acceptDotted("visible") && !acceptDotted("weak") &&
               !acceptDotted("common"))
        break;
    }
    if (peek().isDotted("entry") || peek().isDotted("func"))
      return function(isExtern);
    std::vector<Variable> variables;
    SWALLOW_TRY(declaration(variables, isExtern));
    for (Variable &variable : variables)
      module_.variables.push_back(std::move(variable));
    return {};
  }

  static std::optional<Space> spaceOf(std::string_view word) {
    if (word == "reg")
      return Space::Reg;
    if (word == "shared")
      return Space::Shared;
    if (word == "global")
      return Space::Global;
    if (word == "const")
      return Space::Const;
    if (word == "local")
      return Space::Local;
    if (word == "param")
      return Space::Param;
    return std::nullopt;
  }

  /// ".space .align N .v2 .type" in any order of the attributes.
  Status typePart(Variable &variable) {
    variable.line = peek().line;
    std::optional<Space> space;
    if (peek().kind == Token::Kind::Dotted)
      space = spaceOf(peek().text);
    if (!space)
      return error("expected a directive or a state space");
    take();
    variable.space = *space;
    bool hasType = false;
    uint32_t align = 0;
    while (peek().kind == Token::Kind::Dotted) {
      std::string_view word = peek().text;
      if (word == "align") {
        take();
        SWALLOW_ASSIGN(uint64_t value, integer());
        // Of a pointer parameter (.ptr .align) it says nothing of itself.
        if (!hasType)
          align = static_cast<uint32_t>(value);
      } else if (word == "v2" || word == "v4" || word == "v8") {
        take();
        variable.vector = static_cast<uint32_t>(word[1] - '0');
      } else if (word == "ptr" || word == "global" || word == "shared" ||
                 word == "const" || word == "local") {
        take();
      } else if (auto type = parseType(word)) {
        take();
        variable.type = *type;
        hasType = true;
      } else {
        return error("unknown attribute ." + std::string(word));
      }
    }
    if (!hasType)
      return error("expected a type");
    variable.alignment =
        align ? align : variable.type.bytes() * variable.vector;
    return {};
  }

  Status declarator(Variable &variable) {
    if (peek().kind != Token::Kind::Name)
      return error("expected a name");
    variable.name = std::string(take().text);
    if (accept('<')) {
      SWALLOW_ASSIGN(uint64_t count, integer());
      if (count == 0 || count > 1u << 24)
        return error("a number of registers that cannot be");
      variable.numbered = static_cast<uint32_t>(count);
      SWALLOW_TRY(expect('>'));
    }
    while (accept('[')) {
      if (accept(']')) {
        variable.isUnsized = true;
        continue;
      }
      SWALLOW_ASSIGN(uint64_t count, expression());
      if (count > uint64_t{1} << 40)
        return error("an array that large cannot be");
      variable.elements *= count;
      SWALLOW_TRY(expect(']'));
    }
    if (accept('='))
      SWALLOW_TRY(initializer(variable));
    if (variable.isUnsized) {
      variable.elements =
          variable.initializers.size() / std::max(variable.vector, 1u);
    }
    return {};
  }

  Status initializer(Variable &variable) {
    if (accept('{')) {
      while (!peek().is('}')) {
        SWALLOW_TRY(initializer(variable));
        if (!accept(','))
          break;
      }
      return expect('}');
    }
    Initializer value;
    bool negative = peek().is('-') && peek(1).kind == Token::Kind::Float;
    if (negative)
      take();
    if (peek().kind == Token::Kind::Float) {
      Token token = take();
      value.isFloat = true;
      value.isSingle = token.isSingle;
      value.bits = token.bits;
      if (negative)
        value.bits ^= uint64_t{1} << (token.isSingle ? 31 : 63);
    } else if (peek().kind == Token::Kind::Name) {
      value.isName = true;
      value.name = std::string(take().text);
      if (value.name == "generic" && accept('(')) {
        value.name = std::string(take().text);
        SWALLOW_TRY(expect(')'));
      }
      if (accept('+')) {
        SWALLOW_ASSIGN(uint64_t offset, integer());
        value.offset = static_cast<int64_t>(offset);
      }
    } else {
      SWALLOW_ASSIGN(value.bits, expression());
    }
    variable.initializers.push_back(std::move(value));
    return {};
  }

  Status declaration(std::vector<Variable> &into, bool isExtern) {
    Variable first;
    SWALLOW_TRY(typePart(first));
    first.isExtern = isExtern;
    do {
      Variable variable = first;
      SWALLOW_TRY(declarator(variable));
      into.push_back(std::move(variable));
    } while (accept(','));
    return expect(';');
  }

  Status parameterList(std::vector<Variable> &into) {
    SWALLOW_TRY(expect('('));
    while (!peek().is(')')) {
      Variable variable;
      SWALLOW_TRY(typePart(variable));
      SWALLOW_TRY(declarator(variable));
      into.push_back(std::move(variable));
      if (!accept(','))
        break;
    }
    return expect(')');
  }

  Status threads(std::optional<std::array<uint32_t, 3>> &into) {
    std::array<uint32_t, 3> sizes{1, 1, 1};
    int i = 0;
    do {
      SWALLOW_ASSIGN(uint64_t value, integer());
      if (i < 3)
        sizes[i++] = static_cast<uint32_t>(value);
    } while (accept(','));
    into = sizes;
    return {};
  }

  Status function(bool isExtern) {
    Function function;
    function.line = peek().line;
    function.isExtern = isExtern;
    function.isEntry = take().text == "entry";
    if (!function.isEntry && peek().is('('))
      SWALLOW_TRY(parameterList(function.results));
    if (peek().kind != Token::Kind::Name)
      return error("expected the name of a function");
    function.name = std::string(take().text);
    if (peek().is('('))
      SWALLOW_TRY(parameterList(function.params));
    while (peek().kind == Token::Kind::Dotted) {
      std::string_view word = take().text;
      if (word == "maxntid") {
        SWALLOW_TRY(threads(function.maxThreads));
      } else if (word == "reqntid") {
        SWALLOW_TRY(threads(function.requiredThreads));
      } else if (word == "minnctapersm" || word == "maxnreg" ||
                 word == "maxnctapersm") {
        SWALLOW_TRY(integer());
      } else if (word == "pragma") {
        take();
        SWALLOW_TRY(expect(';'));
      } else if (word == "noreturn" || word == "attribute") {
        if (accept('('))
          while (!accept(')'))
            take();
      } else {
        return error("unknown directive ." + std::string(word));
      }
    }
    if (accept('{')) {
      function.hasBody = true;
      SWALLOW_TRY(statements(function.body));
    } else {
      SWALLOW_TRY(expect(';'));
    }
    module_.functions.push_back(std::move(function));
    return {};
  }

  /// After the opening brace, to the closing one.
  Status statements(std::vector<Statement> &into) {
    while (!accept('}')) {
      if (peek().kind == Token::Kind::End)
        return error("expected '}'");
      SWALLOW_TRY(statement(into));
    }
    return {};
  }

  Status statement(std::vector<Statement> &into) {
    Statement statement;
    statement.line = peek().line;
    if (accept(';'))
      return {};
    if (accept('{')) {
      statement.kind = Statement::Kind::Block;
      SWALLOW_TRY(statements(statement.block));
      into.push_back(std::move(statement));
      return {};
    }
    if (peek().kind == Token::Kind::Dotted)
      return bodyDirective(into);
    if (peek().kind == Token::Kind::Name && peek(1).is(':')) {
      statement.kind = Statement::Kind::Label;
      statement.label = std::string(take().text);
      take();
      if (acceptDotted("branchtargets")) {
        statement.kind = Statement::Kind::BranchTargets;
        do
          statement.targets.emplace_back(take().text);
        while (accept(','));
        SWALLOW_TRY(expect(';'));
      } else if (peek().isDotted("callprototype") ||
                 peek().isDotted("calltargets")) {
        return error("indirect calls are not supported");
      }
      into.push_back(std::move(statement));
      return {};
    }
    SWALLOW_TRY(instruction(statement.instruction));
    into.push_back(std::move(statement));
    return {};
  }

  Status bodyDirective(std::vector<Statement> &into) {
    std::string_view word = peek().text;
    if (word == "loc" || word == "file") {
      skipLine();
      return {};
    }
    if (word == "pragma") {
      take();
      take();
      return expect(';');
    }
    bool isExtern = acceptDotted("extern");
    int line = peek().line;
    std::vector<Variable> variables;
    SWALLOW_TRY(declaration(variables, isExtern));
    for (Variable &variable : variables) {
      Statement statement;
      statement.kind = Statement::Kind::Variable;
      statement.line = line;
      statement.variable = std::move(variable);
      into.push_back(std::move(statement));
    }
    return {};
  }

  Status instruction(Instruction &instruction) {
    if (accept('@')) {
      instruction.guardNegated = accept('!');
      if (peek().kind != Token::Kind::Name)
        return error("expected a predicate");
      instruction.guard = std::string(take().text);
    }
    if (peek().kind != Token::Kind::Name)
      return error("expected an instruction");
    instruction.opcode = std::string(take().text);
    instruction.modifiers.push_back(instruction.opcode);
    while (peek().kind == Token::Kind::Dotted) {
      instruction.modifiers.emplace_back(take().text);
      instruction.opcode += "." + instruction.modifiers.back();
    }
    while (!peek().is(';')) {
      SWALLOW_ASSIGN(Operand operand, this->operand());
      instruction.operands.push_back(std::move(operand));
      if (!accept(','))
        break;
    }
    return expect(';');
  }

  Result<Operand> operand() {
    SWALLOW_ASSIGN(Operand first, simpleOperand());
    if (!peek().is('|'))
      return first;
    Operand pair;
    pair.kind = Operand::Kind::Pair;
    pair.elements.push_back(std::move(first));
    take();
    SWALLOW_ASSIGN(Operand second, simpleOperand());
    pair.elements.push_back(std::move(second));
    return pair;
  }

  Status elements(Operand &operand, char close) {
    while (!peek().is(close)) {
      SWALLOW_ASSIGN(Operand element, this->operand());
      operand.elements.push_back(std::move(element));
      if (!accept(','))
        break;
    }
    return expect(close);
  }

  Result<Operand> simpleOperand() {
    Operand operand;
    if (accept('{')) {
      operand.kind = Operand::Kind::Vector;
      SWALLOW_TRY(elements(operand, '}'));
      return operand;
    }
    if (accept('(')) {
      operand.kind = Operand::Kind::List;
      SWALLOW_TRY(elements(operand, ')'));
      return operand;
    }
    if (accept('[')) {
      operand.kind = Operand::Kind::Address;
      SWALLOW_ASSIGN(Operand base, simpleOperand());
      operand.offset = base.offset;
      base.offset = 0;
      operand.elements.push_back(std::move(base));
      SWALLOW_TRY(expect(']'));
      return operand;
    }
    if (accept('!'))
      operand.isNegated = true;
    bool minus = false;
    if (peek().is('-') && peek(1).kind != Token::Kind::Integer) {
      take();
      minus = true;
    }
    const Token &token = peek();
    if (token.kind == Token::Kind::Name) {
      operand.kind = Operand::Kind::Name;
      operand.name = std::string(take().text);
      operand.isNegated |= minus;
      if (operand.name == "_") {
        operand.kind = Operand::Kind::Sink;
        return operand;
      }
      if (peek().kind == Token::Kind::Dotted)
        operand.name.append(1, '.').append(take().text);
      if (accept('+')) {
        SWALLOW_ASSIGN(uint64_t offset, integer());
        operand.offset = static_cast<int64_t>(offset);
      } else if (peek().is('-')) {
        SWALLOW_ASSIGN(uint64_t offset, integer());
        operand.offset = static_cast<int64_t>(offset);
      }
      return operand;
    }
    if (token.kind == Token::Kind::Float) {
      operand.kind = Operand::Kind::Float;
      operand.isSingle = token.isSingle;
      operand.bits = take().bits;
      if (minus)
        operand.bits ^= uint64_t{1} << (operand.isSingle ? 31 : 63);
      return operand;
    }
    operand.kind = Operand::Kind::Integer;
    SWALLOW_ASSIGN(operand.bits, expression());
    return operand;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  Module module_;
};

} // namespace

Result<Module> parse(std::string_view text) {
  SWALLOW_ASSIGN(std::vector<Token> tokens, lex(text));
  return Parser(text, std::move(tokens)).run();
}

} // namespace swallow::emulator::ptx
