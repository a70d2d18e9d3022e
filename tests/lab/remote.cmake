# 'nsmon send' and 'nsmon recv' on a bare veth pair, and across the lab's switch.
foreach(CASE streams4 streams6 shapes fast tcp limits dropped duplicated swapped clients one cut killed interrupted clock hostile reflector switch)
  add_test(NAME lab.remote.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/remote.sh $<TARGET_FILE:nsmon> $<TARGET_FILE:traffic_relay> ${CASE})
  set_tests_properties(lab.remote.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
set_tests_properties(lab.remote.fast PROPERTIES PROCESSORS 2)
set_tests_properties(lab.remote.clients PROPERTIES PROCESSORS 4)
