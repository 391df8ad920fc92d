# cmake -DROOT=folder -DFILES="a;b" -DOUT=file.c -P Embed.cmake
# Writes the files (paths relative to ROOT) as C arrays: the pages are part of the binary.
set(body "/* Made by cmake/Embed.cmake from templates/ and static/. */\n#include \"web/files.h\"\n\n")
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
string(APPEND body "\nconst struct web_embedded web_embedded[] = {\n${table}};\nconst size_t web_embedded_len = ${index};\n")
file(WRITE ${OUT} "${body}")
