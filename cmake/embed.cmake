# nsmon_embed(TARGET NAME FILE): gives the sources of TARGET the bytes of FILE as "extern const unsigned char NAME[]",
# closed by a NUL, and "extern const unsigned long NAME_size", the NUL not counted.  Made anew when FILE changes.
function(nsmon_embed TARGET NAME FILE)
  set(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${NAME}.c)
  add_custom_command(
    OUTPUT ${OUTPUT}
    COMMAND ${CMAKE_COMMAND} -DNAME=${NAME} -DFILE=${FILE} -DOUTPUT=${OUTPUT} -P ${CMAKE_SOURCE_DIR}/cmake/embed_file.cmake
    DEPENDS ${FILE} ${CMAKE_SOURCE_DIR}/cmake/embed_file.cmake
    VERBATIM)
  target_sources(${TARGET} PRIVATE ${OUTPUT})
endfunction()
