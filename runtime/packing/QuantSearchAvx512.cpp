//===- QuantSearchAvx512.cpp - see QuantSearch.h and CMakeLists.txt -*- C++
//-*-===//

#include "runtime/packing/FeedbackSearch.h"

const swallow::quantsearch::SearchFns swallow::quantsearch::searchAvx512 = {
    searchAny, largestMagnitude, addFeedback, roundAny};
