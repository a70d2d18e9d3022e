# nsmon_room(NAME FOLDER SOURCES file... [ROOMS room...] [LIBRARIES library...])
#
# Builds the folder FOLDER as the static library nsmon_NAME.  Its headers are included by their path from the top,
# "FOLDER/header.h", but only by rooms that name it under ROOMS: the include path of a room is a folder of the build
# tree that holds one link, to that room alone.  So an include that DESIGN does not allow does not compile.
function(nsmon_room NAME FOLDER)
  cmake_parse_arguments(ROOM "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  set(DOOR ${CMAKE_BINARY_DIR}/rooms/${NAME})
  get_filename_component(PARENT ${DOOR}/${FOLDER} DIRECTORY)
  file(MAKE_DIRECTORY ${PARENT})
  if(NOT IS_SYMLINK ${DOOR}/${FOLDER})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${FOLDER} ${DOOR}/${FOLDER} SYMBOLIC)
  endif()
  add_library(nsmon_${NAME} STATIC ${ROOM_SOURCES})
  target_include_directories(nsmon_${NAME} PUBLIC ${DOOR})
  list(TRANSFORM ROOM_ROOMS PREPEND nsmon_)
  target_link_libraries(nsmon_${NAME} PUBLIC ${ROOM_ROOMS} ${ROOM_LIBRARIES})
endfunction()
