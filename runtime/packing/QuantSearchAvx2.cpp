//===- QuantSearchAvx2.cpp - see QuantSearch.h and CMakeLists.txt ---------===//

#include "runtime/packing/QuantSearch.h"

void swallow::quantsearch::searchAvx2(PackedElement element, Batch &batch) {
  searchAny(element, batch);
}
