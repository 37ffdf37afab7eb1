/*
 * asyncapi.c - writes asyncapi.json (AsyncAPI 3.0): for each method an operation with its reply, for each notice one that the server sends.
 */
#include <stdio.h>

#include "proto/gen/writers.h"

#define WIDTH   130
#define CHANNEL "#/channels/ws"

static json_t *pointer(const char *base, const char *name, const char *suffix)
{
    return json_pack("{s:o}", "$ref", json_sprintf("%s%s%s", base, name, suffix));
}

static void add_message(json_t *messages, json_t *channel_messages, const char *c_name, const char *suffix, const char *title)
{
    char name[128];
    snprintf(name, sizeof(name), "%s%s", c_name, suffix);
    json_object_set_new(
        messages, name,
        json_pack("{s:s, s:s, s:o}", "name", name, "title", title, "payload", pointer("#/components/schemas/", name, "")));
    json_object_set_new(channel_messages, name, pointer("#/components/messages/", name, ""));
}

static json_t *channel_message(const char *c_name, const char *suffix)
{
    return pointer(CHANNEL "/messages/", c_name, suffix);
}

static json_t *method_operation(const struct message *method)
{
    json_t *reply = json_pack("{s:{s:s}, s:[o,o]}", "channel", "$ref", CHANNEL, "messages",
                              channel_message(method->c_name, "_answer"), channel_message("refusal", ""));
    return json_pack("{s:s, s:s, s:{s:s}, s:[o], s:o}", "action", "receive", "summary", method->doc, "channel", "$ref", CHANNEL,
                     "messages", channel_message(method->c_name, "_request"), "reply", reply);
}

static json_t *notice_operation(const struct message *notice)
{
    return json_pack("{s:s, s:s, s:{s:s}, s:[o]}", "action", "send", "summary", notice->doc, "channel", "$ref", CHANNEL,
                     "messages", channel_message(notice->c_name, "_message"));
}

static void add_messages(const struct table *table, json_t *messages, json_t *channel_messages, json_t *operations)
{
    for (size_t i = 0; i < table->message_count; i++) {
        const struct message *message = &table->messages[i];
        if (message->is_notice) {
            add_message(messages, channel_messages, message->c_name, "_message", message->name);
            json_object_set_new(operations, message->c_name, notice_operation(message));
        } else {
            add_message(messages, channel_messages, message->c_name, "_request", message->name);
            add_message(messages, channel_messages, message->c_name, "_answer", message->name);
            json_object_set_new(operations, message->c_name, method_operation(message));
        }
    }
    add_message(messages, channel_messages, "refusal", "", "an answer that refuses");
}

void write_asyncapi(struct gl_buf *out, const struct source *source)
{
    json_t *messages = json_object(), *channel_messages = json_object(), *operations = json_object();
    add_messages(source->table, messages, channel_messages, operations);
    json_t *info =
        json_pack("{s:s, s:s, s:s}", "title", "Gloss", "version", "1", "description",
                  "JSON-RPC 2.0 in WebSocket text frames, subprotocol gloss.v1. PROTOCOL.md tells the whole of it. Written by "
                  "wiregen from wire.def; do not edit.");
    json_t *server = json_pack("{s:s, s:s, s:s, s:{s:{s:s}}}", "host", "{host}", "protocol", "wss", "pathname", "/ws",
                               "variables", "host", "default", "127.0.0.1:7443");
    json_t *channel = json_pack("{s:s, s:s, s:o}", "address", "/ws", "title", "the one connection", "messages", channel_messages);
    json_t *components =
        json_pack("{s:o, s:o}", "messages", messages, "schemas", schema_definitions(source, "#/components/schemas/"));
    json_t *page = json_pack("{s:s, s:o, s:s, s:{s:o}, s:{s:o}, s:o, s:o}", "asyncapi", "3.0.0", "info", info,
                             "defaultContentType", "application/json", "servers", "gloss", server, "channels", "ws", channel,
                             "operations", operations, "components", components);
    print_json(out, page, 0, WIDTH);
    gl_buf_byte(out, '\n');
    json_decref(page);
}
