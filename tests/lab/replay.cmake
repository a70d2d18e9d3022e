# Capture files played through a lab: the truth is the file.
foreach(CASE corpus made cooked loops stopped killed broken scenario)
  add_test(NAME lab.replay.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/replay.sh $<TARGET_FILE:nsmon> ${CASE})
  set_tests_properties(lab.replay.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
