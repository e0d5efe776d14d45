# Compile options and small helpers that every folder uses.

# ccache makes a second build of the same sources nearly free.
find_program(SWALLOW_CCACHE ccache)
if(SWALLOW_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SWALLOW_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${SWALLOW_CCACHE})
endif()

# lld links the static LLVM-side libraries several times faster than bfd.
find_program(SWALLOW_LLD NAMES ld.lld-22 ld.lld PATHS /usr/lib/llvm-22/bin)
if(SWALLOW_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(-fuse-ld=lld)
endif()

add_compile_options(-Wall -Wextra -Wno-unused-parameter
  -ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections)

if(SWALLOW_SANITIZE)
  add_compile_options(-fsanitize=${SWALLOW_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${SWALLOW_SANITIZE})
endif()

# Fuzzers steer by coverage, so everything they link is instrumented. Without
# a sanitizer a fuzzer would only find crashes that the OS notices.
if(SWALLOW_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR NOT SWALLOW_SANITIZE MATCHES "address")
    message(FATAL_ERROR "SWALLOW_BUILD_FUZZERS needs clang and SWALLOW_SANITIZE=address,undefined (cmake --preset asan)")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Reports end a sanitized test with a failure and name the place. (Errors are
# fatal already by -fno-sanitize-recover and ASan's and TSan's exit codes.)
set(SWALLOW_TEST_ENVIRONMENT
  "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:check_initialization_order=1"
  "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
  "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")

# swallow_add_library(NAME SOURCES... [LINK libs...]): a static library whose
# headers are included relative to the repository root ("runtime/text/Bpe.h").
function(swallow_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

# swallow_add_unit_test(NAME SOURCES... [LINK libs...]): a GoogleTest program
# registered with ctest under its own name. SWALLOW_TEST_DIR is test/ in the
# source tree.
function(swallow_add_unit_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE SWALLOW_TEST_DIR="${CMAKE_SOURCE_DIR}/test")
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test-bin)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    ENVIRONMENT "${SWALLOW_TEST_ENVIRONMENT}" TIMEOUT 600)
endfunction()
