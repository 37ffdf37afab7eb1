#include "clients/cli/meta.h"

static void set_text(struct cli *cli, json_t *object, const char *field, enum option_id id, bool may_clear)
{
    const char *value = cli_option(cli, id);
    if (value && (*value || may_clear)) {
        json_object_set_new(object, field, *value ? json_string(value) : json_null());
    }
}

static void set_list(struct cli *cli, json_t *object, const char *field, enum option_id id, bool may_clear)
{
    json_t *list = json_array();
    const char *value;
    for (size_t i = 0; (value = cli_nth(cli, id, i)); i++) {
        if (*value) {
            json_array_append_new(list, json_string(value));
        }
    }
    if (json_array_size(list)) {
        json_object_set(object, field, list);
    } else if (cli_option(cli, id) && may_clear) {
        json_object_set_new(object, field, json_null());
    }
    json_decref(list);
}

void meta_fill(struct cli *cli, json_t *object, bool may_clear)
{
    set_list(cli, object, "authors", OPT_author, may_clear);
    set_text(cli, object, "publisher", OPT_publisher, may_clear);
    set_text(cli, object, "date", OPT_date, may_clear);
    set_text(cli, object, "source", OPT_source, may_clear);
    set_text(cli, object, "language", OPT_language, may_clear);
    set_text(cli, object, "folder", OPT_folder, may_clear);
    set_list(cli, object, "tags", OPT_tag, may_clear);
}

char *meta_join(const json_t *list)
{
    struct gl_buf out;
    json_t *item;
    size_t i;
    gl_buf_init(&out, SIZE_MAX);
    json_array_foreach((json_t *)list, i, item)
    {
        const char *text = json_string_value(item);
        gl_buf_str(&out, i ? ", " : "");
        gl_buf_str(&out, text ? text : "");
    }
    return heap_take(&out);
}
