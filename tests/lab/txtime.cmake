# Launch times, where the kernel has what keeps them and where not.
foreach(CASE no blind fq etf send)
  add_test(NAME lab.txtime.${CASE}
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/lab/txtime.sh $<TARGET_FILE:nsmon> ${CMAKE_CURRENT_BINARY_DIR} ${CASE})
  set_tests_properties(lab.txtime.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS lab TIMEOUT 180)
endforeach()
# The same under another kernel, whose place NSMON_VM_KERNEL says; without that they are skipped.
foreach(CASE fq etf)
  add_test(NAME vm.txtime.${CASE}
    COMMAND sh ${CMAKE_SOURCE_DIR}/tests/lab/vm.sh bash ${CMAKE_SOURCE_DIR}/tests/lab/txtime.sh $<TARGET_FILE:nsmon>
            ${CMAKE_CURRENT_BINARY_DIR} ${CASE})
  set_tests_properties(vm.txtime.${CASE} PROPERTIES SKIP_RETURN_CODE 77 LABELS vm TIMEOUT 1000)
endforeach()
