# How tests are registered: lit suites, fuzzers, checks of the sources, and the
# target check-swallow. Unit tests: swallow_add_unit_test in SwallowHelpers.

set(SWALLOW_FUZZ_RUNS 200000 CACHE STRING "How many inputs ctest gives each fuzzer")
set(SWALLOW_FUZZ_SECONDS 10 CACHE STRING "How long ctest runs each fuzzer at most")
set(SWALLOW_LLVM_BIN /usr/lib/llvm-22/bin CACHE PATH "Where lit, FileCheck and clang 22 are")

# swallow_add_lit_suite(NAME DIR): a ctest test NAME that runs lit over the
# .mlir and .test files below DIR. test/lit.cfg.py has the substitutions.
function(swallow_add_lit_suite name dir)
  find_program(SWALLOW_LIT NAMES lit llvm-lit HINTS ${SWALLOW_LLVM_BIN} REQUIRED)
  cmake_path(ABSOLUTE_PATH dir BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
  set(SWALLOW_LIT_SUITE ${name})
  set(SWALLOW_LIT_SOURCE ${dir})
  set(SWALLOW_LIT_OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.lit)
  configure_file(${CMAKE_SOURCE_DIR}/test/lit.site.cfg.py.in
    ${SWALLOW_LIT_OUTPUT}/lit.site.cfg.py @ONLY)
  # -v prints the commands and the output of each failing test.
  add_test(NAME ${name} COMMAND ${SWALLOW_LIT} -v --no-progress-bar ${SWALLOW_LIT_OUTPUT})
  set_tests_properties(${name} PROPERTIES LABELS lit TIMEOUT 900)
endfunction()

# swallow_add_fuzzer(NAME SOURCES... [LINK libs...]): a libFuzzer program over
# the seeds in test/fuzz/corpus/NAME, and a ctest test of the same name that
# replays the seeds and then mutates them SWALLOW_FUZZ_RUNS times, for at most
# SWALLOW_FUZZ_SECONDS. The seeds in the source tree stay as they are.
function(swallow_add_fuzzer name)
  if(NOT SWALLOW_BUILD_FUZZERS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  set(corpus ${CMAKE_SOURCE_DIR}/test/fuzz/corpus/${name})
  if(NOT IS_DIRECTORY ${corpus})
    message(FATAL_ERROR "The fuzzer ${name} has no seeds: ${corpus} is missing")
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test-bin)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND}
    -DFUZZER=$<TARGET_FILE:${name}> -DCORPUS=${corpus}
    -DWORK=${CMAKE_CURRENT_BINARY_DIR}/${name}.work
    -DRUNS=${SWALLOW_FUZZ_RUNS} -DSECONDS=${SWALLOW_FUZZ_SECONDS}
    -P ${CMAKE_SOURCE_DIR}/cmake/RunFuzzer.cmake)
  math(EXPR limit "${SWALLOW_FUZZ_SECONDS} * 4 + 120")
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT ${limit}
    ENVIRONMENT "${SWALLOW_TEST_ENVIRONMENT}")
endfunction()

# swallow_add_source_checks(): ctest tests that look at the sources rather than
# at the build: formatting, and the unit tests again under sanitizers in build
# trees of their own (clang 22, no compiler).
function(swallow_add_source_checks)
  add_test(NAME clang_format COMMAND ${CMAKE_SOURCE_DIR}/tools/setup/check-format.sh)
  find_program(SWALLOW_CLANGXX NAMES clang++-22 clang++ HINTS ${SWALLOW_LLVM_BIN})
  if(NOT SWALLOW_CLANGXX)
    message(STATUS "clang++ 22 not found: the tests will not run under sanitizers")
    return()
  endif()
  foreach(kind address thread)
    add_test(NAME sanitizer_${kind} COMMAND ${CMAKE_SOURCE_DIR}/tools/setup/run-sanitizers.sh
      ${kind} ${CMAKE_BINARY_DIR}/sanitizer-${kind})
    # They build and run on all cores themselves.
    set_tests_properties(sanitizer_${kind} PROPERTIES
      LABELS sanitizer TIMEOUT 1800 RUN_SERIAL TRUE
      ENVIRONMENT "CXX=${SWALLOW_CLANGXX};SWALLOW_FUZZ_SECONDS=${SWALLOW_FUZZ_SECONDS}")
  endforeach()
endfunction()

# Every target of a type (EXECUTABLE, STATIC_LIBRARY) in a folder and below it.
function(swallow_collect_targets dir wanted out)
  set(found)
  get_property(targets DIRECTORY ${dir} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL wanted)
      list(APPEND found ${target})
    endif()
  endforeach()
  get_property(folders DIRECTORY ${dir} PROPERTY SUBDIRECTORIES)
  foreach(folder IN LISTS folders)
    swallow_collect_targets(${folder} ${wanted} below)
    list(APPEND found ${below})
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# swallow_add_check_target(): check-swallow builds every program (tools and
# tests) and runs ctest. Call it after every add_subdirectory.
function(swallow_add_check_target)
  swallow_collect_targets(${CMAKE_SOURCE_DIR} EXECUTABLE programs)
  add_custom_target(check-swallow
    COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
    USES_TERMINAL COMMENT "Running all tests")
  if(programs)
    add_dependencies(check-swallow ${programs})
  endif()
endfunction()

# swallow_add_tidy_target(): clang-tidy runs clang-tidy 22 over runtime/. Its
# libraries are built first, since they include generated headers.
function(swallow_add_tidy_target)
  find_program(SWALLOW_RUN_TIDY NAMES run-clang-tidy-22 run-clang-tidy HINTS ${SWALLOW_LLVM_BIN})
  find_program(SWALLOW_TIDY NAMES clang-tidy-22 clang-tidy HINTS ${SWALLOW_LLVM_BIN})
  if(NOT SWALLOW_RUN_TIDY OR NOT SWALLOW_TIDY)
    return()
  endif()
  add_custom_target(clang-tidy
    COMMAND ${SWALLOW_RUN_TIDY} -clang-tidy-binary ${SWALLOW_TIDY} -quiet
      -p ${CMAKE_BINARY_DIR} "^${CMAKE_SOURCE_DIR}/runtime/.*\\.cpp$$"
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    USES_TERMINAL VERBATIM COMMENT "clang-tidy over runtime/")
  swallow_collect_targets(${CMAKE_SOURCE_DIR}/runtime STATIC_LIBRARY libraries)
  add_dependencies(clang-tidy ${libraries})
endfunction()
