# The whole product, as its users run it.
foreach(CASE exact mixed sampled readers twice killed worker foreign two shared midway default interrupted hostile full errors port)
  add_test(NAME lab.nsmon.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/nsmon.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.nsmon.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 300)
endforeach()
foreach(CASE mixed sampled full port) # the last one has a system's switch, whose packet sockets are small
  set_tests_properties(lab.nsmon.${CASE} PROPERTIES PROCESSORS 2)
endforeach()
