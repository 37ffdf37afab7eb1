# embed.cmake - a file as a C string. cmake -DIN=file -DOUT=file.c -DNAME=symbol -P embed.cmake
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x..,){24})" "\\1\n    " bytes "${bytes}")
file(WRITE ${OUT} "#include \"clients/cli/complete.h\"\nconst char ${NAME}[] = {\n    ${bytes}0};\n")
