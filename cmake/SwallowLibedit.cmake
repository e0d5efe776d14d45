# Finds libedit, for the lines that `swallow-rt chat` reads. Linked statically,
# with what it needs, so that the program runs where only the C library is.
#
# Defines the target swallow_libedit.
find_path(SWALLOW_LIBEDIT_INCLUDE histedit.h)
set(_libedit_libraries)
foreach(name edit bsd tinfo)
  find_library(SWALLOW_LIB${name} NAMES lib${name}.a)
  if(NOT SWALLOW_LIB${name})
    message(FATAL_ERROR "lib${name}.a was not found: install what tools/setup/packages.sh names")
  endif()
  list(APPEND _libedit_libraries ${SWALLOW_LIB${name}})
endforeach()
if(NOT SWALLOW_LIBEDIT_INCLUDE)
  message(FATAL_ERROR "histedit.h was not found: install what tools/setup/packages.sh names")
endif()
add_library(swallow_libedit INTERFACE)
target_include_directories(swallow_libedit SYSTEM INTERFACE ${SWALLOW_LIBEDIT_INCLUDE})
target_link_libraries(swallow_libedit INTERFACE ${_libedit_libraries})
