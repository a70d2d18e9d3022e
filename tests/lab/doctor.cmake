# What the doctor finds on a machine where something is wrong.
foreach(CASE healthy nobody programs buffers database crashed offloads dead interface)
  add_test(NAME lab.doctor.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/doctor.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.doctor.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
