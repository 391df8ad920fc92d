# cmake -DROOT=folder -DFILES="a;b" -DOUT=file.c [-DHEADER=web/files.h -DNAME=web_embedded] -P Embed.cmake
# Writes the files (paths relative to ROOT) as C arrays, and a table NAME of struct NAME { name, data, len }, which HEADER declares.
if(NOT DEFINED HEADER)
  set(HEADER web/files.h)
  set(NAME web_embedded)
endif()
set(body "/* Made by cmake/Embed.cmake. */\n#include \"${HEADER}\"\n\n")
set(table "")
set(index 0)
foreach(file IN LISTS FILES)
  file(READ ${ROOT}/${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  # Lines of 20 bytes: compilers and people dislike longer ones.
  string(REGEX REPLACE "(....................................................................................................)"
                       "\\1\n    " bytes "${bytes}")
  string(APPEND body "static const unsigned char file_${index}[] = {\n    ${bytes}0x00 };\n")
  string(APPEND table "    { \"${file}\", file_${index}, ${size} },\n")
  math(EXPR index "${index} + 1")
endforeach()
string(APPEND body "\nconst struct ${NAME} ${NAME}[] = {\n${table}};\nconst size_t ${NAME}_len = ${index};\n")
file(WRITE ${OUT} "${body}")
