package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// atOnce is how many regions are asked at the same time.
const atOnce = 8

// ranks are the kinds of things with tags, by when they can go. What is not
// here, such as the rules of a security group, goes with something that is.
var ranks = map[string]int{
	string(types.ResourceTypeInstance):        0,
	string(types.ResourceTypeVolume):          1,
	string(types.ResourceTypeVpcEndpoint):     1,
	string(types.ResourceTypeSecurityGroup):   2,
	string(types.ResourceTypePrefixList):      3,
	string(types.ResourceTypeSubnet):          3,
	string(types.ResourceTypeRouteTable):      4,
	string(types.ResourceTypeInternetGateway): 4,
	string(types.ResourceTypeVpc):             5,
}

// Find asks every enabled region which of EC2's things carry skyctl's tags. Tags
// outlive what they are on for a while, so machines and groups are looked at
// again.
func (a *Account) Find(ctx context.Context) ([]account.Resource, error) {
	out, err := a.at(a.base.Region).DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
	if err != nil {
		return nil, fmt.Errorf("AWS: list regions: %w", brief(err))
	}
	var (
		mu    sync.Mutex
		found []account.Resource
		errs  []error
		group errgroup.Group
	)
	group.SetLimit(atOnce)
	for _, r := range out.Regions {
		group.Go(func() error {
			some, err := a.findIn(ctx, aws.ToString(r.RegionName))
			mu.Lock()
			defer mu.Unlock()
			found = append(found, some...)
			if err != nil {
				errs = append(errs, fmt.Errorf("aws:%s: %w", aws.ToString(r.RegionName), brief(err)))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return found, errors.Join(errs...)
}

func (a *Account) findIn(ctx context.Context, name string) ([]account.Resource, error) {
	client := a.at(name)
	tagged, err := taggedIn(ctx, client, region.Region("aws:"+name))
	if err != nil || len(tagged) == 0 {
		return nil, err
	}
	if err := lookAtInstances(ctx, client, tagged); err != nil {
		return nil, err
	}
	if err := dropDefaultGroups(ctx, client, tagged); err != nil {
		return nil, err
	}
	var found []account.Resource
	for _, id := range slices.Sorted(maps.Keys(tagged)) {
		found = append(found, *tagged[id])
	}
	return found, nil
}

// taggedIn returns what carries the tag of a run, by id.
func taggedIn(ctx context.Context, client *ec2.Client, at region.Region) (map[string]*account.Resource, error) {
	tags, kinds := map[string]map[string]string{}, map[string]string{}
	in := &ec2.DescribeTagsInput{MaxResults: aws.Int32(1000), Filters: []types.Filter{
		{Name: aws.String("key"), Values: []string{account.TagRun, account.TagOwner, account.TagExpires, "Name"}}}}
	for {
		out, err := client.DescribeTags(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			id := aws.ToString(t.ResourceId)
			if tags[id] == nil {
				tags[id], kinds[id] = map[string]string{}, string(t.ResourceType)
			}
			tags[id][aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	found := map[string]*account.Resource{}
	for id, of := range tags {
		rank, known := ranks[kinds[id]]
		if of[account.TagRun] == "" || !known {
			continue
		}
		r := &account.Resource{Cloud: region.AWS, Region: at, Kind: kinds[id], ID: id, Name: of["Name"], Rank: rank}
		r.Tagged(of)
		found[id] = r
	}
	return found, nil
}

// lookAtInstances adds what machines cost by, and drops those that are over.
func lookAtInstances(ctx context.Context, client *ec2.Client, tagged map[string]*account.Resource) error {
	living := map[string]bool{}
	in := &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000), Filters: []types.Filter{
		{Name: aws.String("tag-key"), Values: []string{account.TagRun}}}}
	for has(tagged, types.ResourceTypeInstance) {
		out, err := client.DescribeInstances(ctx, in)
		if err != nil {
			return err
		}
		for _, reservation := range out.Reservations {
			for _, i := range reservation.Instances {
				r := tagged[aws.ToString(i.InstanceId)]
				if r == nil || i.State == nil || over(i.State.Name) {
					continue
				}
				living[r.ID] = true
				r.Created = aws.ToTime(i.LaunchTime)
				if i.State.Name != types.InstanceStateNameStopped {
					r.Machines = []string{string(i.InstanceType)}
				}
			}
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	maps.DeleteFunc(tagged, func(id string, r *account.Resource) bool {
		return r.Kind == string(types.ResourceTypeInstance) && !living[id]
	})
	return nil
}

func over(s types.InstanceStateName) bool {
	return s == types.InstanceStateNameTerminated || s == types.InstanceStateNameShuttingDown
}

// dropDefaultGroups drops the groups that go with their VPC and no other way.
func dropDefaultGroups(ctx context.Context, client *ec2.Client, tagged map[string]*account.Resource) error {
	in := &ec2.DescribeSecurityGroupsInput{MaxResults: aws.Int32(1000), Filters: []types.Filter{
		{Name: aws.String("tag-key"), Values: []string{account.TagRun}}}}
	for has(tagged, types.ResourceTypeSecurityGroup) {
		out, err := client.DescribeSecurityGroups(ctx, in)
		if err != nil {
			return err
		}
		for _, g := range out.SecurityGroups {
			if aws.ToString(g.GroupName) == "default" {
				delete(tagged, aws.ToString(g.GroupId))
			}
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	return nil
}

func has(tagged map[string]*account.Resource, kind types.ResourceType) bool {
	for _, r := range tagged {
		if r.Kind == string(kind) {
			return true
		}
	}
	return false
}
