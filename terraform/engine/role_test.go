package engine

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// roleEnv makes the test binary play a part in a process of its own: one of
// roles, in the directory of roleDirEnv.
const (
	roleEnv    = "ENGINE_TEST_ROLE"
	roleDirEnv = "ENGINE_TEST_DIR"
	rolePath   = "ENGINE_TEST_TERRAFORM"
	roleArgs   = "ENGINE_TEST_ARGS"
)

var roles = map[string]func() int{
	"apply": func() int {
		if err := roleApply(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	},
	"interactive": func() int {
		code, err := Interactive(os.Getenv(roleDirEnv), os.Getenv(rolePath), os.Stdout, strings.Fields(os.Getenv(roleArgs)))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 125
		}
		return code
	},
}

func roleApply() error {
	e, err := New(Config{Dir: os.Getenv(roleDirEnv), Binary: os.Getenv(rolePath), Log: os.Stderr})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := e.Init(ctx); err != nil {
		return err
	}
	plan, err := e.Plan(ctx, PlanOptions{})
	if err != nil {
		return err
	}
	return e.Apply(ctx, plan)
}
