# flags.cmake - how C is compiled and linked: warnings, hardening, sanitizers. Options: GLOSS_WERROR, GLOSS_HARDEN,
# GLOSS_SANITIZE.

include(CheckCCompilerFlag)

add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2)
if(GLOSS_WERROR)
    add_compile_options(-Werror)
endif()

# One folder for all checkouts in messages and assertions, and the same bytes wherever it was built.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=${CMAKE_BINARY_DIR}/=)

if(GLOSS_HARDEN)
    include(CheckPIESupported)
    check_pie_supported() # executables are PIE because POSITION_INDEPENDENT_CODE is on
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
        -fno-strict-overflow)
    check_c_compiler_flag(-ftrivial-auto-var-init=zero GLOSS_HAS_ZERO_INIT) # clang before 16 wants to be told that this is perilous
    if(GLOSS_HAS_ZERO_INIT)
        add_compile_options(-ftrivial-auto-var-init=zero)
    endif()
    check_c_compiler_flag(-fcf-protection GLOSS_HAS_CF_PROTECTION) # x86 only
    if(GLOSS_HAS_CF_PROTECTION)
        add_compile_options(-fcf-protection)
    endif()
    add_link_options(LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endif()

if(GLOSS_SANITIZE)
    add_compile_options(-fno-omit-frame-pointer)
endif()
if(GLOSS_SANITIZE STREQUAL "address")
    set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=undefined)
elseif(GLOSS_SANITIZE STREQUAL "thread")
    set(sanitizers -fsanitize=thread)
elseif(GLOSS_SANITIZE STREQUAL "fuzzer")
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "GLOSS_SANITIZE=fuzzer needs clang: use the preset fuzz")
    endif()
    # Everything is instrumented; only a fuzz target itself links the driver (-fsanitize=fuzzer).
    set(sanitizers -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined)
elseif(GLOSS_SANITIZE)
    message(FATAL_ERROR "GLOSS_SANITIZE is '${GLOSS_SANITIZE}'; it can be address, thread, fuzzer or empty")
endif()
if(sanitizers)
    add_compile_options(${sanitizers})
    add_link_options(${sanitizers})
endif()
