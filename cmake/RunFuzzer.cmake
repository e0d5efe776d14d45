# Runs one fuzzer over a copy of its seeds.
# cmake -DFUZZER=... -DCORPUS=... -DWORK=... -DSECONDS=... -DRUNS=... -P RunFuzzer.cmake
# A test that passes for one commit should pass again, so the random seed is
# fixed, the inputs are counted rather than timed (the time is a bound for slow
# machines, which try fewer of the same inputs), and addresses, which steer
# libFuzzer too, are not randomised. Run the fuzzer by hand, without -seed, to
# look for something new.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/found)
file(COPY ${CORPUS}/ DESTINATION ${WORK}/corpus)
set(fixed_addresses)
find_program(SETARCH setarch)
if(SETARCH)
  # Some sandboxes forbid the system call.
  execute_process(COMMAND ${SETARCH} -R true RESULT_VARIABLE refused OUTPUT_QUIET ERROR_QUIET)
  if(refused EQUAL 0)
    set(fixed_addresses ${SETARCH} -R)
  endif()
endif()
execute_process(
  COMMAND ${fixed_addresses} ${FUZZER} -seed=1 -runs=${RUNS} -max_total_time=${SECONDS} -timeout=20 -rss_limit_mb=2048
    -print_final_stats=1 -artifact_prefix=${WORK}/found/ ${WORK}/corpus
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  file(GLOB inputs ${WORK}/found/*)
  message(FATAL_ERROR "${FUZZER} failed (${status}); the input is in: ${inputs}\n"
    "Run the fuzzer with that file as its only argument to see it again.")
endif()
