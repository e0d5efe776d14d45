//===- StrSupport.h - what str's methods share ------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_METHODS_STRSUPPORT_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_METHODS_STRSUPPORT_H

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/methods/Methods.h"
#include "runtime/jinja/library/text/Text.h"

namespace swallow::jinja {

/// Text of the kind of `self`: a method of Markup gives Markup.
Value likeSelf(const Value &self, std::string text, Environment &env);
/// A list of pieces, likewise. Charges the budget first.
Result<Value> listLikeSelf(const Value &self, const Pieces &pieces,
                           Environment &env);
/// An argument's text: escaped where `self` is Markup and it is not.
std::string argumentText(const Value &self, const Value &argument);

// The methods, by the file that they are in.
std::span<const NamedMethod> strSearchMethods();
std::span<const NamedMethod> strSplitMethods();
std::span<const NamedMethod> strCaseMethods();
std::span<const NamedMethod> strShapeMethods();

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_METHODS_STRSUPPORT_H
