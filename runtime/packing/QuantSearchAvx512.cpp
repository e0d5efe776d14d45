//===- QuantSearchAvx512.cpp - see QuantSearch.h and CMakeLists.txt
//---------===//

#include "runtime/packing/QuantSearch.h"

void swallow::quantsearch::searchAvx512(PackedElement element, Batch &batch) {
  searchAny(element, batch);
}
