# Finds MLIR/LLVM/lld 22 and sets up TableGen. Included only when the compiler
# is built: the runtime and the readers never see these headers.
# Debian's MLIRConfigVersion accepts only an exact "22.1"-style request, so the
# major version is checked here.
find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "Swallow needs MLIR/LLVM 22, found ${LLVM_PACKAGE_VERSION}")
endif()
message(STATUS "Using MLIR ${LLVM_PACKAGE_VERSION} from ${MLIR_DIR}")
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# swallow_add_mlir_library(NAME SOURCES... [LINK libs...] [DEPENDS targets...]):
# a static library compiled with LLVM's own flags (no RTTI) that links the
# shared libMLIR and libLLVM.
function(swallow_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  swallow_add_library(${name} ${ARG_UNPARSED_ARGUMENTS} LINK ${ARG_LINK} MLIR LLVM)
  # -O1 over -O3: these libraries run for milliseconds and compile for minutes.
  target_compile_options(${name} PRIVATE -fno-rtti $<$<CONFIG:Release>:-O1>)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# For tablegen, which takes the directory's include path.
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
