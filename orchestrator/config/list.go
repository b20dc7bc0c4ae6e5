package config

import (
	"fmt"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// RegionList is one region or a list of them.
type RegionList []region.Region

// UnmarshalYAML reads "CLOUD:NAME" or a list of such.
func (l *RegionList) UnmarshalYAML(unmarshal func(any) error) error {
	names, err := oneOrMany(unmarshal)
	if err != nil {
		return err
	}
	*l = nil
	for _, n := range names {
		*l = append(*l, region.Region(n))
	}
	return nil
}

// CIDRs are address ranges; none stands for "auto", which is this
// workstation's address as the gateways see it.
type CIDRs []string

// UnmarshalYAML reads "auto", a CIDR or a list of CIDRs.
func (c *CIDRs) UnmarshalYAML(unmarshal func(any) error) error {
	list, err := oneOrMany(unmarshal)
	if err != nil {
		return err
	}
	*c = list
	if len(list) == 1 && list[0] == "auto" {
		*c = nil
	}
	return nil
}

// oneOrMany reads a string or a list of strings.
func oneOrMany(unmarshal func(any) error) ([]string, error) {
	var value any
	if err := unmarshal(&value); err != nil {
		return nil, err
	}
	values, ok := value.([]any)
	if !ok {
		values = []any{value}
	}
	var list []string
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%v is neither a string nor a list of strings", value)
		}
		list = append(list, s)
	}
	return list, nil
}
