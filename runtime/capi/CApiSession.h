//===- CApiSession.h - the session behind swallow_rt.h ----------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CAPI_CAPISESSION_H
#define SWALLOW_RUNTIME_CAPI_CAPISESSION_H

#include "runtime/capi/CApi.h"
#include "runtime/engine/Session.h"

#include <memory>
#include <string>
#include <vector>

struct swallow_session {
  std::shared_ptr<const swallow::Artifact> artifact;
  std::unique_ptr<swallow::Session> session;
  std::vector<swallow::StepRow> rows; // reused by every step
  std::string notice;
};

#endif // SWALLOW_RUNTIME_CAPI_CAPISESSION_H
