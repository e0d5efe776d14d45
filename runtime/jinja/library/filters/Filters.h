//===- Filters.h - the filters by group -------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_FILTERS_FILTERS_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_FILTERS_FILTERS_H

#include "runtime/jinja/library/Library.h"

#include <span>
#include <string_view>
#include <vector>

namespace swallow::jinja {

struct NamedFilter {
  std::string_view name;
  Filter filter;
};

std::span<const NamedFilter> textFilters();   // upper, replace, trim, ...
std::span<const NamedFilter> htmlFilters();   // escape, striptags, urlize, ...
std::span<const NamedFilter> layoutFilters(); // indent, wordwrap, pprint, ...
std::span<const NamedFilter> numberFilters(); // int, round, filesizeformat, ...
std::span<const NamedFilter> sequenceFilters(); // first, join, batch, ...
std::span<const NamedFilter> orderFilters();  // sort, groupby, min, unique, ...
std::span<const NamedFilter> selectFilters(); // map, select, attr, default, ...

/// What `attribute` arguments ask for: "a.b.0" looks up one after the other,
/// with runs of digits as numbers. Then folds the case of text where
/// `ignoreCase`.
class AttributeGetter {
public:
  AttributeGetter() = default;
  /// `attribute` is text, a number, or none for the item itself.
  static Result<AttributeGetter> create(const Value &attribute, bool ignoreCase,
                                        Environment &env);
  /// What takes the place of an attribute that is missing on the way.
  void setDefault(Value value) { default_ = std::move(value); }
  Result<Value> operator()(const Value &item, Environment &env) const;

private:
  std::vector<Value> parts_;
  Value default_; // none for none
  bool ignoreCase_ = false;
};

/// text.lower(), and what is no text as it is.
Result<Value> foldCase(const Value &value, Environment &env);

/// What two keys that Python cannot compare mean for a sort: an error, or that
/// the names of their types decide, as in pprint.
enum class Unordered : uint8_t { Fails, ByType };

/// Python's stable sort of `values` by `keys`, through their `<` only. Values
/// of equal keys keep their order also where `reverse`.
Status sortBy(std::vector<Value> &values, const std::vector<Value> &keys,
              bool reverse, Environment &env,
              Unordered unordered = Unordered::Fails);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_FILTERS_FILTERS_H
