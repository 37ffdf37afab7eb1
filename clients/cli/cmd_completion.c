/*
 * cmd_completion.c - gloss completion: the scripts for the shells, and the answers to what they ask.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "clients/cli/cmds.h"
#include "clients/cli/complete.h"
#include "clients/cli/say.h"

static void give_up(int number)
{
    (void)number;
    _exit(EXIT_DONE);
}

/* Names are looked up and servers answer when they do; somebody who has pressed TAB does not wait longer than this. */
static void set_deadline(void)
{
    struct sigaction action = {.sa_handler = give_up};
    struct itimerval when = {.it_value = {.tv_sec = COMPLETE_MS / 1000, .tv_usec = COMPLETE_MS % 1000 * 1000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &when, NULL);
}

static int answer(struct cli *cli)
{
    struct gl_buf out;
    struct screen err = cli->err;
    FILE *nowhere = fopen("/dev/null", "we");
    size_t count = cli->args.word_count - 1;
    char **words = cli->args.words + 1;
    gl_buf_init(&out, SIZE_MAX);
    if (nowhere) { /* what goes wrong is not said into the middle of a line that is being typed */
        cli->err.stream = nowhere;
        set_deadline();
        complete_words(cli, words, count, &out);
        cli->err = err;
        fclose(nowhere);
    }
    screen_put(&cli->out, &out);
    gl_buf_fini(&out);
    return EXIT_DONE;
}

int cmd_completion(struct cli *cli)
{
    const char *what = cli_word(cli, 0);
    const struct {
        const char *shell, *script;
    } shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(what, shells[i].shell) == 0 && cli->args.word_count == 1) {
            fputs(shells[i].script, cli->out.stream);
            return EXIT_DONE;
        }
    }
    if (strcmp(what, "words") == 0) {
        return answer(cli);
    }
    return fail(cli, EXIT_COULD_NOT, "usage",
                "there is completion for bash, zsh and fish; `gloss completion bash` prints the script");
}
