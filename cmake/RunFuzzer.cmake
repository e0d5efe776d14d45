# Runs one fuzzer over a copy of its seeds.
# cmake -DFUZZER=... -DCORPUS=... -DWORK=... -DSECONDS=... -P RunFuzzer.cmake
# The random seed is fixed: a test that passes for one commit passes again. Run
# the fuzzer by hand, without -seed, to look for something new.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/found)
file(COPY ${CORPUS}/ DESTINATION ${WORK}/corpus)
execute_process(
  COMMAND ${FUZZER} -seed=1 -max_total_time=${SECONDS} -timeout=20 -rss_limit_mb=2048
    -print_final_stats=1 -artifact_prefix=${WORK}/found/ ${WORK}/corpus
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  file(GLOB inputs ${WORK}/found/*)
  message(FATAL_ERROR "${FUZZER} failed (${status}); the input is in: ${inputs}\n"
    "Run the fuzzer with that file as its only argument to see it again.")
endif()
