# traffic_drive runs the endpoints by themselves, for the lab test and for measuring by hand; traffic_relay
# spoils a flow on its way.
foreach(PROGRAM traffic_drive traffic_relay)
  add_executable(${PROGRAM} ${CMAKE_SOURCE_DIR}/tests/lab/${PROGRAM}.c)
  target_link_libraries(${PROGRAM} PRIVATE nsmon_traffic)
endforeach()
foreach(CASE plain dropped requests concurrent drop duplicate swap late)
  add_test(NAME lab.traffic.${CASE}
    COMMAND sh ${CMAKE_SOURCE_DIR}/tests/lab/traffic.sh
            $<TARGET_FILE:traffic_drive> $<TARGET_FILE:traffic_relay> ${CASE})
  set_tests_properties(lab.traffic.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 120)
endforeach()
