//===- QuantSearchBaseline.cpp - see QuantSearch.h and CMakeLists.txt -*- C++
//-*-===//

#include "runtime/packing/FeedbackSearch.h"

const swallow::quantsearch::SearchFns swallow::quantsearch::searchBaseline = {
    searchAny, largestMagnitude, addFeedback, roundAny};
