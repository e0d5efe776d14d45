# Finds the oneDNN that tools/setup/build-onednn.sh built and checks that its
# micro-kernel API compiles, links and computes.
#
#   SWALLOW_ONEDNN_DIR   the prefix to use instead of the cache's
#
# Defines the target swallow_onednn: headers "oneapi/dnnl/dnnl.hpp" and
# "oneapi/dnnl/dnnl_ukernel.hpp", and the static library.

set(SWALLOW_ONEDNN_DIR "" CACHE PATH
  "Prefix of a oneDNN with the micro-kernel API (default: the cache of tools/setup/build-onednn.sh)")

set(_onednn_script "${CMAKE_SOURCE_DIR}/tools/setup/build-onednn.sh")
if(SWALLOW_ONEDNN_DIR)
  set(_onednn_prefix "${SWALLOW_ONEDNN_DIR}")
else()
  execute_process(COMMAND "${_onednn_script}" --print-dir
    OUTPUT_VARIABLE _onednn_prefix OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE _onednn_status)
  if(NOT _onednn_status EQUAL 0)
    message(FATAL_ERROR "${_onednn_script} --print-dir failed")
  endif()
endif()

set(_onednn_library "${_onednn_prefix}/lib/libdnnl.a")
if(NOT EXISTS "${_onednn_library}" OR NOT EXISTS "${_onednn_prefix}/include/oneapi/dnnl/dnnl_ukernel.hpp")
  message(FATAL_ERROR
    "oneDNN with the micro-kernel API is not in ${_onednn_prefix}.\n"
    "Build it once (a few minutes) with\n  ${_onednn_script}\n"
    "or name another prefix with -DSWALLOW_ONEDNN_DIR=...")
endif()

# The result is remembered for this very library file: a rebuilt or exchanged
# one is checked again.
set(_onednn_probe "${CMAKE_SOURCE_DIR}/tools/setup/onednn-probe.cpp")
file(TIMESTAMP "${_onednn_library}" _onednn_stamp)
file(TIMESTAMP "${_onednn_probe}" _onednn_probe_stamp)
set(_onednn_checked "${_onednn_library};${_onednn_stamp};${_onednn_probe_stamp}")
if(NOT "${SWALLOW_ONEDNN_CHECKED}" STREQUAL "${_onednn_checked}")
  try_run(_onednn_run _onednn_compiled
    "${CMAKE_BINARY_DIR}/onednn-probe" "${_onednn_probe}"
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${_onednn_prefix}/include"
    LINK_LIBRARIES "${_onednn_library}"
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
    COMPILE_OUTPUT_VARIABLE _onednn_compile_output
    RUN_OUTPUT_VARIABLE _onednn_run_output)
  if(NOT _onednn_compiled)
    message(FATAL_ERROR
      "oneDNN in ${_onednn_prefix} does not have the micro-kernel API that Swallow uses "
      "(it is experimental and differs between versions).\n"
      "Build the right version with\n  ${_onednn_script}\n${_onednn_compile_output}")
  elseif(NOT _onednn_run EQUAL 0)
    message(FATAL_ERROR
      "oneDNN's micro-kernels in ${_onednn_prefix} computed a wrong result or failed.\n"
      "Remove that folder and build it again with\n  ${_onednn_script}\n${_onednn_run_output}")
  endif()
  string(STRIP "${_onednn_run_output}" _onednn_run_output)
  message(STATUS "${_onednn_run_output} (${_onednn_prefix})")
  set(SWALLOW_ONEDNN_CHECKED "${_onednn_checked}" CACHE INTERNAL "")
endif()

if(NOT TARGET swallow_onednn)
  add_library(swallow_onednn STATIC IMPORTED GLOBAL)
  set_target_properties(swallow_onednn PROPERTIES
    IMPORTED_LOCATION "${_onednn_library}"
    INTERFACE_INCLUDE_DIRECTORIES "${_onednn_prefix}/include")
endif()
