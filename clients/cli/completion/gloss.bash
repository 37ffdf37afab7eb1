# bash completion for gloss. Printed by `gloss completion bash`; what may stand where is asked of gloss itself.
# shellcheck shell=bash

# Reads the line up to the cursor as the shell would: the words without their quotes into _gloss_words; how much of the last one stands before what
# readline replaces (which begins behind an open quote, or a character of COMP_WORDBREAKS) into _gloss_kept; the open quote into _gloss_quote.
_gloss_read()
{
    local line=${COMP_LINE:0:COMP_POINT} quote='' word='' has_word='' i char
    _gloss_words=()
    _gloss_kept=0
    for ((i = 0; i < ${#line}; i++)); do
        char=${line:i:1}
        if [[ $quote == "'" || ($quote == '"' && $char != '\') ]]; then
            if [[ $char == "$quote" ]]; then quote=''; else word+=$char; fi
        elif [[ $char == '\' ]]; then
            i=$((i + 1))
            word+=${line:i:1}
            has_word=yes
        elif [[ $char == [\'\"] ]]; then
            quote=$char
            has_word=yes
            _gloss_kept=${#word}
        elif [[ $char == [[:space:]] ]]; then
            if [[ $has_word ]]; then _gloss_words+=("$word"); fi
            word='' has_word='' _gloss_kept=0
        elif [[ $char == [\;\|\&\(] ]]; then # another command begins
            _gloss_words=()
            word='' has_word='' _gloss_kept=0
        else
            word+=$char
            has_word=yes
            if [[ $COMP_WORDBREAKS == *"$char"* ]]; then _gloss_kept=${#word}; fi
        fi
    done
    _gloss_words+=("$word")
    _gloss_quote=$quote
}

# What readline is to put in for $1, with the quotes that it needs there.
_gloss_reply()
{
    local value=${1:_gloss_kept} one="'\\''"
    case $_gloss_quote in
        \') COMPREPLY+=("${value//\'/$one}") ;;
        \") COMPREPLY+=("$(sed 's/[\\"$`]/\\&/g' <<<"$value")") ;;
        *) COMPREPLY+=("$(printf '%q' "$value")") ;;
    esac
}

_gloss()
{
    local _gloss_words _gloss_kept _gloss_quote line
    _gloss_read
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == $'\t'files ]]; then
            compopt -o default
        else
            _gloss_reply "${line%%$'\t'*}"
        fi
    done < <(command gloss completion words -- "${_gloss_words[@]:1}" 2>/dev/null)
}

complete -o nosort -F _gloss gloss
