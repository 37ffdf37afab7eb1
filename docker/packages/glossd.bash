# bash completion for glossd: verbs and settings as the program itself tells them.
_glossd()
{
    local cur=${COMP_WORDS[COMP_CWORD]} verbs
    verbs=$(glossd --help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -v glossd)
    case $cur in
        -*) COMPREPLY=($(compgen -W "--config --help --version $(glossd settings --defaults 2>/dev/null | sed -n 's/^\([a-z_]*\)[ =].*/--\1/p' | tr _ -)
            $(glossd "${COMP_WORDS[1]}" --help 2>/dev/null | grep -o -- '--[a-z-]*')" -- "$cur")) ;;
        *) if ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W "$verbs" -- "$cur")); else COMPREPLY=($(compgen -f -- "$cur")); fi ;;
    esac
}
complete -o filenames -F _glossd glossd
