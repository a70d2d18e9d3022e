# A bridge of the system's Open vSwitch, measured and put back as it was.
foreach(CASE made joined station owner gone killed killed_owner worker restarted errors partial internal
        burst)
  add_test(NAME lab.attach.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/attach.sh $<TARGET_FILE:nsmon> ${CASE})
  # The switch's packet sockets are as small as the system has them: half a core, so that it need not wait for one.
  set_tests_properties(lab.attach.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 300 PROCESSORS 2)
endforeach()
