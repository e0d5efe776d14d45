//===- Operators.h - Python's operators on values ---------------*- C++ -*-===//
//
// With the messages of Python 3 (TypeError and the like) and of jinja2 where an
// operand is undefined. Everything charges env.budget.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_OPERATORS_H
#define SWALLOW_RUNTIME_JINJA_VALUE_OPERATORS_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Value.h"

namespace swallow::jinja {

/// bool(x).
bool truth(const Value &value);

enum class BinaryOp {
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power
};
Result<Value> binary(BinaryOp op, const Value &left, const Value &right,
                     Environment &env);
Result<Value> negative(const Value &value, Environment &env); // -x
Result<Value> positive(const Value &value, Environment &env); // +x
/// `left ~ right ~ ...`: the str() of all, joined.
Result<Value> concatenate(const std::vector<Value> &values, Environment &env);

enum class CompareOp {
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual
};
Result<bool> compare(CompareOp op, const Value &left, const Value &right,
                     Environment &env);
Result<bool> equal(const Value &left, const Value &right, Environment &env);
/// `item in container`.
Result<bool> contains(const Value &container, const Value &item,
                      Environment &env);

/// str(x), which is also what {{ x }} prints.
Result<std::string> str(const Value &value, Environment &env);
/// The same appended to `out`, without a copy of text. Charges steps; `out` is
/// the caller's to charge.
Status appendStr(std::string &out, const Value &value, Environment &env);
Result<std::string> repr(const Value &value, Environment &env,
                         unsigned depth = 0);
/// repr() of text alone, and of a float: also what messages quote.
std::string reprText(std::string_view text);
std::string reprFloat(double value);

/// `x.name` as jinja2's sandbox looks it up: the attribute (a method, say),
/// else the item, else undefined. Only for undefined x does it fail.
Result<Value> getAttribute(const Value &object, std::string_view name,
                           Environment &env);
/// The attribute alone: none where Python raises AttributeError.
Result<std::optional<Value>>
getAttributeOnly(const Value &object, std::string_view name, Environment &env);
/// `x[key]`: the item, else the attribute where key is text, else undefined.
Result<Value> getItem(const Value &object, const Value &key, Environment &env);
/// `x[start:stop:step]`; none for what is left out.
Result<Value> getSlice(const Value &object, const Value &start,
                       const Value &stop, const Value &step, Environment &env);

/// len(x).
Result<size_t> length(const Value &value, Environment &env);
bool isIterable(const Value &value);
bool isCallable(const Value &value);
/// iter(x); fails with "'int' object is not iterable".
Result<Ref<Iterator>> iterate(const Value &value, Environment &env);
/// reversed(x); fails with "'int' object is not reversible".
Result<Ref<Iterator>> reversed(const Value &value, Environment &env);
/// list(x).
Result<std::vector<Value>> toVector(const Value &value, Environment &env);
/// x(...); fails with "'int' object is not callable".
Result<Value> call(const Value &callee, const Arguments &arguments,
                   Environment &env);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_OPERATORS_H
