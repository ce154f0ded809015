package main

import (
	"github.com/spf13/cobra"
)

func newCompletion(a *app) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write a script that completes commands in a shell",
		Long: `completion writes the script that lets bash, zsh, fish or powershell complete
prollyctl's commands, options, branches and tags.`,
		Example: `  source <(prollyctl completion bash)
  prollyctl completion zsh > "${fpath[1]}/_prollyctl"
  prollyctl completion fish > ~/.config/fish/completions/prollyctl.fish
  prollyctl completion powershell | Out-String | Invoke-Expression`,
		Args:      wantArgs(1, 1),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return usagef("unknown shell %q: use one of %v", args[0], shells)
		},
	}
}
