//===- QuantSearchBaseline.cpp - see QuantSearch.h and CMakeLists.txt
//---------===//

#include "runtime/packing/QuantSearch.h"

void swallow::quantsearch::searchBaseline(PackedElement element, Batch &batch) {
  searchAny(element, batch);
}
