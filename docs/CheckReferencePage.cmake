# Fails when the committed page is not what the .td files generate.
execute_process(
  COMMAND ${CMAKE_COMMAND} -E compare_files --ignore-eol ${GENERATED} ${COMMITTED}
  RESULT_VARIABLE differs)
if(differs)
  message(FATAL_ERROR "${COMMITTED} does not match the .td files: run 'ninja swallow-docs'")
endif()
