#include "service/auth/account_name.h"

#include "proto/model/text.h"

bool account_name_is_good(struct gl_slice name)
{
    if (name.len == 0 || name.len > ACCOUNT_NAME_MAX_BYTES || name.data[0] == ' ' || name.data[name.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f)
            return false;
    return gl_utf8_check(name, NULL) == GL_OK;
}
