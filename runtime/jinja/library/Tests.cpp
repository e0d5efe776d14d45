//===- Tests.cpp - tests by name ------------------------------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/Library.h"
#include "runtime/jinja/value/Operators.h"

#include <map>

namespace swallow::jinja {

namespace {

/// A question about the value alone.
using Question = bool (*)(const Value &);

bool isDefined(const Value &value) { return !value.isUndefined(); }
bool isUndefined(const Value &value) { return value.isUndefined(); }
bool isNone(const Value &value) { return value.isNone(); }
bool isBoolean(const Value &value) { return value.isBool(); }
bool isFalse(const Value &value) { return value.isBool() && !value.asBool(); }
bool isTrue(const Value &value) { return value.isBool() && value.asBool(); }
bool isInteger(const Value &value) { return value.isInt(); }
bool isFloat(const Value &value) { return value.isFloat(); }
bool isNumber(const Value &value) { return value.isNumber(); }
bool isString(const Value &value) { return value.isString(); }
bool isMapping(const Value &value) { return value.isDict(); }
bool isEscaped(const Value &value) {
  return value.isString() && value.asString().isSafe();
}
/// What has a length and subscripts.
bool isSequence(const Value &value) {
  return value.isString() || value.isSequence() || value.isDict() ||
         value.isRange() || value.isUndefined();
}

struct NamedQuestion {
  std::string_view name;
  std::string_view function;
  Question question;
};
constexpr std::array<NamedQuestion, 14> questions = {{
    {"boolean", "test_boolean", isBoolean},
    {"defined", "test_defined", isDefined},
    {"escaped", "test_escaped", isEscaped},
    {"false", "test_false", isFalse},
    {"float", "test_float", isFloat},
    {"integer", "test_integer", isInteger},
    {"iterable", "test_iterable", isIterable},
    {"mapping", "test_mapping", isMapping},
    {"none", "test_none", isNone},
    {"number", "test_number", isNumber},
    {"sequence", "test_sequence", isSequence},
    {"string", "test_string", isString},
    {"true", "test_true", isTrue},
    {"undefined", "test_undefined", isUndefined},
}};

template <size_t Index>
Result<bool> ask(const Value &input, const Arguments &arguments,
                 Environment &env) {
  const NamedQuestion &asked = questions[Index];
  static const Signature signature(asked.function, 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  return asked.question(input);
}

/// The other operand of one of Python's operator functions.
Result<Value> operand(const Arguments &arguments, std::string_view function) {
  SWALLOW_TRY(refuseKeywords(arguments, "", function));
  size_t count = arguments.positional.size() + 1;
  if (count != 2)
    return typeError(std::string(function) + " expected 2 arguments, got " +
                     std::to_string(count));
  return arguments.positional[0];
}

constexpr std::array<std::string_view, 6> operatorNames = {"eq", "ne", "lt",
                                                           "le", "gt", "ge"};

template <CompareOp Op>
Result<bool> compareTest(const Value &input, const Arguments &arguments,
                         Environment &env) {
  SWALLOW_ASSIGN(Value other,
                 operand(arguments, operatorNames[static_cast<size_t>(Op)]));
  return compare(Op, input, other, env);
}

Result<bool> remainderIs(const Value &input, const Value &divisor,
                         int64_t wanted, Environment &env) {
  SWALLOW_ASSIGN(Value rest, binary(BinaryOp::Modulo, input, divisor, env));
  return equal(rest, Value::integer(wanted), env);
}

Result<bool> odd(const Value &input, const Arguments &arguments,
                 Environment &env) {
  static const Signature signature("test_odd", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  return remainderIs(input, Value::integer(2), 1, env);
}

Result<bool> even(const Value &input, const Arguments &arguments,
                  Environment &env) {
  static const Signature signature("test_even", 1, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  return remainderIs(input, Value::integer(2), 0, env);
}

Result<bool> divisibleBy(const Value &input, const Arguments &arguments,
                         Environment &env) {
  static const Signature signature("test_divisibleby", 1, 1, {"num"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  return remainderIs(input, *bound[0], 0, env);
}

template <bool Upper>
Result<bool> inCase(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature(Upper ? "test_upper" : "test_lower", 1, 0,
                                   {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_ASSIGN(std::string text, str(input, env));
  SWALLOW_ASSIGN(std::optional<Value> method,
                 getAttributeOnly(Value::string(std::move(text), &env.budget),
                                  Upper ? "isupper" : "islower", env));
  SWALLOW_ASSIGN(Value answer, call(*method, {}, env));
  return truth(answer);
}

Result<bool> callable(const Value &input, const Arguments &arguments,
                      Environment &env) {
  SWALLOW_TRY(expectInputOnly(arguments, "callable"));
  return isCallable(input);
}

Result<bool> sameAs(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("test_sameas", 1, 1, {"other"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  // Python shares equal texts of a program, and mostly those of its data.
  if (input.isString() && bound[0]->isString())
    return input.text() == bound[0]->text();
  return input.isSame(*bound[0]);
}

Result<bool> isIn(const Value &input, const Arguments &arguments,
                  Environment &env) {
  static const Signature signature("test_in", 1, 1, {"seq"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  return contains(*bound[0], input, env);
}

Result<bool> isFilter(const Value &input, const Arguments &arguments,
                      Environment &env) {
  static const Signature signature("test_filter", 2, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_TRY(checkHashable(input, &env.budget));
  return input.isString() && findFilter(input.text()) != nullptr;
}

Result<bool> isTest(const Value &input, const Arguments &arguments,
                    Environment &env) {
  static const Signature signature("test_test", 2, 0, {});
  SWALLOW_TRY(signature.bind(arguments));
  SWALLOW_TRY(checkHashable(input, &env.budget));
  return input.isString() && findTest(input.text()) != nullptr;
}

using Tests = std::map<std::string_view, Test>;

template <size_t... Index>
void addQuestions(Tests &tests, std::index_sequence<Index...>) {
  (tests.emplace(questions[Index].name, ask<Index>), ...);
}

Tests allTests() {
  Tests tests = {
      {"odd", odd},
      {"even", even},
      {"divisibleby", divisibleBy},
      {"lower", inCase<false>},
      {"upper", inCase<true>},
      {"callable", callable},
      {"sameas", sameAs},
      {"in", isIn},
      {"filter", isFilter},
      {"test", isTest},
  };
  addQuestions(tests, std::make_index_sequence<questions.size()>());
  for (std::string_view name : {"==", "eq", "equalto"})
    tests.emplace(name, compareTest<CompareOp::Equal>);
  for (std::string_view name : {"!=", "ne"})
    tests.emplace(name, compareTest<CompareOp::NotEqual>);
  for (std::string_view name : {"<", "lt", "lessthan"})
    tests.emplace(name, compareTest<CompareOp::Less>);
  for (std::string_view name : {"<=", "le"})
    tests.emplace(name, compareTest<CompareOp::LessEqual>);
  for (std::string_view name : {">", "gt", "greaterthan"})
    tests.emplace(name, compareTest<CompareOp::Greater>);
  for (std::string_view name : {">=", "ge"})
    tests.emplace(name, compareTest<CompareOp::GreaterEqual>);
  return tests;
}

} // namespace

Test findTest(std::string_view name) {
  static const Tests tests = allTests();
  auto found = tests.find(name);
  return found == tests.end() ? nullptr : found->second;
}

} // namespace swallow::jinja
