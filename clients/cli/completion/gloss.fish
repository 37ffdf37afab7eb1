# fish completion for gloss. Printed by `gloss completion fish`; what may stand where is asked of gloss itself.

function __gloss_complete
    set -l typed (commandline -opc)
    set -l word (commandline -ct)
    set -l plain (string unescape -- $word 2>/dev/null; or string replace -r '^[\'"]' '' -- $word)
    for line in (command gloss completion words -- $typed[2..-1] "$plain" 2>/dev/null)
        switch $line
            case \tfiles
                set -l parts (string match -r '^(--[^=]*=)(.*)$' -- $plain)
                if set -q parts[3]
                    __fish_complete_path $parts[3] | string replace -r '^' -- $parts[2]
                else
                    __fish_complete_path $plain
                end
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c gloss -f -k -a '(__gloss_complete)'
