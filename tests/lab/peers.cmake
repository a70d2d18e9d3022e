# Exporters of other people metering what nsmon meters.
foreach(PEER softflowd:5 softflowd:9 softflowd:10 nfprobe:5 nfprobe:9 nfprobe:10 sfprobe:sflow)
  string(REPLACE ":" ";" PEER_AND_VERSION ${PEER})
  string(REPLACE ":" "" NAME ${PEER})
  add_test(NAME lab.peers.${NAME}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/peers.sh $<TARGET_FILE:nsmon> $<TARGET_FILE:traffic_drive>
            ${PEER_AND_VERSION})
  set_tests_properties(lab.peers.${NAME} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 180)
endforeach()
