//===- Compare.cpp - comparisons and `in` ---------------------------------===//

#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"

#include <algorithm>

namespace swallow::jinja {

namespace {

std::string_view symbol(CompareOp op) {
  switch (op) {
  case CompareOp::Equal:
    return "==";
  case CompareOp::NotEqual:
    return "!=";
  case CompareOp::Less:
    return "<";
  case CompareOp::LessEqual:
    return "<=";
  case CompareOp::Greater:
    return ">";
  case CompareOp::GreaterEqual:
    return ">=";
  }
  return {};
}

bool holds(CompareOp op, NumberOrder order) {
  switch (op) {
  case CompareOp::Equal:
    return order == NumberOrder::Equal;
  case CompareOp::NotEqual:
    return order != NumberOrder::Equal;
  case CompareOp::Less:
    return order == NumberOrder::Less;
  case CompareOp::LessEqual:
    return order == NumberOrder::Less || order == NumberOrder::Equal;
  case CompareOp::Greater:
    return order == NumberOrder::Greater;
  case CompareOp::GreaterEqual:
    return order == NumberOrder::Greater || order == NumberOrder::Equal;
  }
  return false;
}

template <typename T> NumberOrder order(const T &left, const T &right) {
  if (left == right)
    return NumberOrder::Equal;
  return left < right ? NumberOrder::Less : NumberOrder::Greater;
}

/// Python's `is` or `==`, which containers ask of their items.
Result<bool> sameOrEqual(const Value &left, const Value &right,
                         Environment &env) {
  if (left.isSame(right))
    return true;
  return equal(left, right, env);
}

Result<bool> equalSequences(const std::vector<Value> &left,
                            const std::vector<Value> &right, Environment &env) {
  if (left.size() != right.size())
    return false;
  for (size_t i = 0; i < left.size(); ++i) {
    SWALLOW_ASSIGN(bool same, sameOrEqual(left[i], right[i], env));
    if (!same)
      return false;
  }
  return true;
}

Result<bool> equalDicts(const DictObject &left, const DictObject &right,
                        Environment &env) {
  if (left.size() != right.size())
    return false;
  for (const DictObject::Entry &entry : left.entries()) {
    const Value *other = right.find(entry.key);
    if (!other)
      return false;
    SWALLOW_ASSIGN(bool same, sameOrEqual(entry.value, *other, env));
    if (!same)
      return false;
  }
  return true;
}

Error notSupported(CompareOp op, const Value &left, const Value &right) {
  std::string message = "'";
  message.append(symbol(op)).append("' not supported between instances of '");
  message.append(left.typeName()).append("' and '");
  message.append(right.typeName()).append("'");
  return typeError(message);
}

/// Lists and tuples: by the first items that differ, else by length.
Result<bool> compareSequences(CompareOp op, const Value &left,
                              const Value &right, Environment &env) {
  const std::vector<Value> &a = left.items();
  const std::vector<Value> &b = right.items();
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    SWALLOW_ASSIGN(bool same, sameOrEqual(a[i], b[i], env));
    if (!same)
      return compare(op, a[i], b[i], env);
  }
  return holds(op, order(a.size(), b.size()));
}

bool findInRange(const RangeObject &range, int64_t value) {
  if (range.length() == 0)
    return false;
  int64_t first = range.start();
  int64_t last = range.at(range.length() - 1);
  if (value < std::min(first, last) || value > std::max(first, last))
    return false;
  uint64_t distance =
      static_cast<uint64_t>(value) - static_cast<uint64_t>(first);
  auto step = static_cast<uint64_t>(range.step());
  if (range.step() < 0) {
    distance = -distance;
    step = -step;
  }
  return distance % step == 0;
}

Result<bool> findInItems(const std::vector<Value> &items, const Value &item,
                         Environment &env) {
  for (const Value &candidate : items) {
    SWALLOW_ASSIGN(bool same, sameOrEqual(candidate, item, env));
    if (same)
      return true;
  }
  return false;
}

} // namespace

Result<bool> equal(const Value &left, const Value &right, Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (left.isNumber() && right.isNumber())
    return compareNumbers(left, right) == NumberOrder::Equal;
  if (left.isCustom())
    return left.asCustom().equals(right, env);
  if (right.isCustom())
    return right.asCustom().equals(left, env);
  if (left.kind() != right.kind())
    return false;
  switch (left.kind()) {
  case Kind::String:
    SWALLOW_TRY(env.budget.stepBytes(
        std::min(left.text().size(), right.text().size())));
    return left.text() == right.text();
  case Kind::List:
  case Kind::Tuple:
    return equalSequences(left.items(), right.items(), env);
  case Kind::Dict:
    return equalDicts(left.asDict(), right.asDict(), env);
  case Kind::Range: {
    KeyOrder less;
    return !less(left, right) && !less(right, left);
  }
  default: // None is None, and undefined equals undefined
    return true;
  }
}

Result<bool> compare(CompareOp op, const Value &left, const Value &right,
                     Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (left.isNumber() && right.isNumber())
    return holds(op, compareNumbers(left, right));
  if (op == CompareOp::Equal || op == CompareOp::NotEqual) {
    SWALLOW_ASSIGN(bool same, equal(left, right, env));
    return same == (op == CompareOp::Equal);
  }
  if (left.isUndefined())
    return left.asUndefined().error();
  if (right.isUndefined())
    return right.asUndefined().error();
  if (left.isString() && right.isString()) {
    SWALLOW_TRY(env.budget.stepBytes(
        std::min(left.text().size(), right.text().size())));
    // The order of code points is that of their UTF-8.
    return holds(op, order(left.text(), right.text()));
  }
  if (left.isSequence() && left.kind() == right.kind())
    return compareSequences(op, left, right, env);
  return notSupported(op, left, right);
}

Result<bool> contains(const Value &container, const Value &item,
                      Environment &env) {
  SWALLOW_TRY(env.budget.step());
  switch (container.kind()) {
  case Kind::String:
    if (!item.isString())
      return typeError("'in <string>' requires string as left operand, not " +
                       std::string(item.typeName()));
    SWALLOW_TRY(env.budget.stepBytes(container.text().size()));
    return findText(container.text(), item.text()) != std::string_view::npos;
  case Kind::List:
  case Kind::Tuple:
    return findInItems(container.items(), item, env);
  case Kind::Dict:
    SWALLOW_TRY(checkHashable(item, &env.budget));
    return container.asDict().find(item) != nullptr;
  case Kind::Range: {
    if (item.isIntegral())
      return findInRange(container.asRange(), item.asInt());
    if (!item.isFloat())
      return false;
    Result<Value> whole = truncate(item.asNumber());
    return whole && compareNumbers(*whole, item) == NumberOrder::Equal &&
           findInRange(container.asRange(), whole->asInt());
  }
  case Kind::Undefined:
    return false;
  case Kind::Custom:
    return container.asCustom().contains(item, env);
  default:
    return typeError("argument of type '" + std::string(container.typeName()) +
                     "' is not iterable");
  }
}

} // namespace swallow::jinja
