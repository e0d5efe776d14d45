//===- Filters.cpp - filters by name --------------------------------------===//

#include "runtime/jinja/library/filters/Filters.h"

#include <map>

namespace swallow::jinja {

Filter findFilter(std::string_view name) {
  static const std::map<std::string_view, Filter> filters = [] {
    std::map<std::string_view, Filter> all;
    for (std::span<const NamedFilter> group :
         {textFilters(), htmlFilters(), layoutFilters(), numberFilters(),
          sequenceFilters(), orderFilters(), selectFilters()})
      for (const NamedFilter &filter : group)
        all.emplace(filter.name, filter.filter);
    return all;
  }();
  auto found = filters.find(name);
  return found == filters.end() ? nullptr : found->second;
}

} // namespace swallow::jinja
