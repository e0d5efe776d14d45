//===- Safetensors.cpp - one .safetensors file ----------------------------===//

#include "frontends/huggingface/Safetensors.h"

#include "frontends/huggingface/Json.h"

#include <algorithm>
#include <numeric>
#include <utility>

using namespace swallow;

namespace {

constexpr uint64_t lengthBytes = 8;
constexpr uint64_t maxHeaderBytes = 100'000'000;

struct StoredType {
  const char *name;
  unsigned bits; // of one element
  std::optional<DType> weight;
};
constexpr StoredType storedTypes[] = {
    {"F32", 32, DType::F32}, {"F16", 16, DType::F16}, {"BF16", 16, DType::BF16},
    {"BOOL", 8, {}},         {"U8", 8, {}},           {"I8", 8, {}},
    {"I16", 16, {}},         {"U16", 16, {}},         {"I32", 32, {}},
    {"U32", 32, {}},         {"I64", 64, {}},         {"U64", 64, {}},
    {"F64", 64, {}},         {"C64", 64, {}},         {"F8_E5M2", 8, {}},
    {"F8_E4M3", 8, {}},      {"F8_E8M0", 8, {}},      {"F8_E4M3FNUZ", 8, {}},
    {"F8_E5M2FNUZ", 8, {}},  {"F6_E2M3", 6, {}},      {"F6_E3M2", 6, {}},
    {"F4", 4, {}},
};

const StoredType *findType(std::string_view name) {
  for (const StoredType &type : storedTypes)
    if (name == type.name)
      return &type;
  return nullptr;
}

/// Bytes of a tensor; none on overflow or where elements do not fill bytes.
std::optional<uint64_t> tensorBytes(const std::vector<int64_t> &shape,
                                    unsigned bits) {
  uint64_t total = 1;
  for (int64_t dim : shape)
    if (__builtin_mul_overflow(total, static_cast<uint64_t>(dim), &total))
      return std::nullopt;
  if (__builtin_mul_overflow(total, uint64_t(bits), &total) || total % 8 != 0)
    return std::nullopt;
  return total / 8;
}

std::optional<uint64_t> asSize(const Json &value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX)
    return std::nullopt;
  return value.get<uint64_t>();
}

/// Reads one file's header; `dataSize` bytes of data follow it.
class HeaderParser {
public:
  HeaderParser(const std::string &path, uint64_t dataBegin, uint64_t dataSize)
      : path_(path), dataBegin_(dataBegin), dataSize_(dataSize) {}

  Result<SafetensorsEntry> entry(const std::string &name, const Json &value) {
    auto fail = [&](const std::string &text) {
      return tensorError(name, text);
    };
    if (!value.is_object())
      return fail("expected an object, found " + describeJson(value));
    auto member = [&](const char *key) {
      auto it = value.find(key);
      return it == value.end() ? nullptr : &*it;
    };

    SafetensorsEntry entry;
    entry.name = name;
    const Json *dtype = member("dtype");
    if (!dtype || !dtype->is_string())
      return fail("expected a string \"dtype\", found " + describe(dtype));
    entry.dtypeName = dtype->get<std::string>();
    const StoredType *type = findType(entry.dtypeName);
    if (!type)
      return fail("expected a dtype of the safetensors format such as \"F32\", "
                  "found " +
                  describeJson(*dtype));
    entry.dtype = type->weight;

    const Json *shape = member("shape");
    if (!shape || !shape->is_array())
      return fail("expected a list \"shape\", found " + describe(shape));
    for (const Json &dim : *shape) {
      auto size = asSize(dim);
      if (!size)
        return fail("expected sizes from 0 to 2^63 - 1 in \"shape\", found " +
                    describeJson(dim));
      entry.shape.push_back(static_cast<int64_t>(*size));
    }

    const Json *offsets = member("data_offsets");
    std::optional<uint64_t> begin, end;
    if (offsets && offsets->is_array() && offsets->size() == 2) {
      begin = asSize((*offsets)[0]);
      end = asSize((*offsets)[1]);
    }
    if (!begin || !end || *begin > *end)
      return fail("expected \"data_offsets\" [begin, end] with 0 <= begin <= "
                  "end, found " +
                  (begin && end ? offsets->dump() : describe(offsets)));
    if (*end > dataSize_)
      return fail("data_offsets [" + std::to_string(*begin) + ", " +
                  std::to_string(*end) + "] reach past the end of the file, " +
                  "which has " + std::to_string(dataSize_) +
                  " bytes of data; the file may be truncated");
    auto bytes = tensorBytes(entry.shape, type->bits);
    if (!bytes || *bytes != *end - *begin)
      return fail(
          "expected " + (bytes ? std::to_string(*bytes) : "a whole number of") +
          " bytes for " + entry.dtypeName + " " + shapeText(entry.shape) +
          ", found " + std::to_string(*end - *begin) + " in data_offsets");
    entry.begin = dataBegin_ + *begin;
    entry.size = *end - *begin;
    return entry;
  }

  /// The format demands that the tensors fill the data without a gap.
  Status checkCoverage(const std::vector<SafetensorsEntry> &entries) {
    std::vector<const SafetensorsEntry *> order;
    for (const SafetensorsEntry &entry : entries)
      order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const auto *a, const auto *b) {
      return std::pair(a->begin, a->size) < std::pair(b->begin, b->size);
    });
    uint64_t cursor = dataBegin_;
    const SafetensorsEntry *previous = nullptr;
    for (const SafetensorsEntry *entry : order) {
      if (entry->begin < cursor)
        return tensorError(entry->name, "its data overlaps that of tensor " +
                                            quoteForMessage(previous->name));
      if (entry->begin > cursor)
        return tensorError(entry->name,
                           "expected its data at offset " +
                               std::to_string(cursor - dataBegin_) +
                               ", where the tensor before it ends, found " +
                               std::to_string(entry->begin - dataBegin_));
      cursor = entry->begin + entry->size;
      previous = entry;
    }
    if (cursor != dataBegin_ + dataSize_)
      return {ErrorCode::MalformedFile,
              path_ + ": expected the tensors to cover all " +
                  std::to_string(dataSize_) + " bytes of data, found " +
                  std::to_string(cursor - dataBegin_) + " covered"};
    return {};
  }

  Error tensorError(const std::string &name, const std::string &text) {
    return {ErrorCode::MalformedFile,
            path_ + ": tensor " + quoteForMessage(name) + ": " + text};
  }

private:
  static std::string describe(const Json *value) {
    return value ? describeJson(*value) : "no such key";
  }

  const std::string &path_;
  uint64_t dataBegin_;
  uint64_t dataSize_;
};

} // namespace

std::string swallow::shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Result<SafetensorsHeader>
SafetensorsHeader::parse(std::span<const uint8_t> file,
                         const std::string &path) {
  auto malformed = [&](const std::string &text) {
    return Error{ErrorCode::MalformedFile, path + ": " + text};
  };
  if (file.size() < lengthBytes)
    return malformed("expected a safetensors file, which begins with 8 bytes "
                     "of header length, found " +
                     std::to_string(file.size()) + " bytes in all");
  uint64_t length = 0;
  for (unsigned i = 0; i < lengthBytes; ++i)
    length |= static_cast<uint64_t>(file[i]) << (8 * i);
  if (length > maxHeaderBytes)
    return malformed("expected a safetensors header of at most " +
                     std::to_string(maxHeaderBytes) + " bytes, found " +
                     std::to_string(length));
  if (length > file.size() - lengthBytes)
    return malformed("truncated: expected a header of " +
                     std::to_string(length) + " bytes, found " +
                     std::to_string(file.size() - lengthBytes));
  std::string_view text(
      reinterpret_cast<const char *>(file.data()) + lengthBytes, length);
  if (!text.starts_with('{'))
    return malformed("expected a safetensors header that begins with '{'");

  SafetensorsHeader header;
  header.dataBegin = lengthBytes + length;
  SWALLOW_ASSIGN(Json root, parseJson(text, path, DuplicateKeys::Refuse));
  HeaderParser parser(path, header.dataBegin, file.size() - header.dataBegin);
  // The library keeps an object's members sorted by key, hence entries too.
  for (const auto &[name, value] : root.items()) {
    if (name == "__metadata__") {
      if (!value.is_object())
        return malformed("expected an object in __metadata__, found " +
                         describeJson(value));
      for (const auto &[key, text] : value.items()) {
        if (!text.is_string())
          return malformed("expected strings in __metadata__, found " +
                           describeJson(text) + " at " + quoteForMessage(key));
        header.metadata[key] = text.get<std::string>();
      }
      continue;
    }
    SWALLOW_ASSIGN(SafetensorsEntry entry, parser.entry(name, value));
    header.entries.push_back(std::move(entry));
  }
  SWALLOW_TRY(parser.checkCoverage(header.entries));
  return header;
}

const SafetensorsEntry *SafetensorsHeader::find(std::string_view name) const {
  auto it = std::lower_bound(
      entries.begin(), entries.end(), name,
      [](const SafetensorsEntry &e, std::string_view n) { return e.name < n; });
  return it != entries.end() && it->name == name ? &*it : nullptr;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  SafetensorsFile result;
  SWALLOW_ASSIGN(result.file_, MappedFile::open(path));
  SWALLOW_ASSIGN(result.header_,
                 SafetensorsHeader::parse(result.file_.bytes(), path));
  return result;
}
