#include "runtime/packing/KvLayout.h"

namespace swallow {

std::string_view kvElementName(KvElement element) {
  switch (element) {
  case KvElement::F32:
    return "f32";
  case KvElement::BF16:
    return "bf16";
  case KvElement::F16:
    return "f16";
  case KvElement::I8:
    return "int8";
  }
  return "";
}

std::optional<KvElement> parseKvElement(std::string_view name) {
  for (KvElement element : kKvElements)
    if (kvElementName(element) == name)
      return element;
  return std::nullopt;
}

} // namespace swallow
