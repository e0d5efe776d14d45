//===- QuantSearchAvx2.cpp - see QuantSearch.h and CMakeLists.txt -*- C++
//-*-===//

#include "runtime/packing/FeedbackSearch.h"

const swallow::quantsearch::SearchFns swallow::quantsearch::searchAvx2 = {
    searchAny, largestMagnitude, addFeedback, roundAny};
