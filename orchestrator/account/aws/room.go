package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// quota is one of Service Quotas'.
type quota struct{ service, code, name string }

// The quotas that the module aws-gateway meets. Its addresses are none of Elastic
// IP's, and the others have no quota.
var (
	standardVCPU = quota{"ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"}
	vpcs         = quota{"vpc", "L-F678F1CE", "VPCs per Region"}
	gateways     = quota{"vpc", "L-A4707A72", "Internet gateways per Region"}
	groupRules   = quota{"vpc", "L-0EA8095F", "Inbound or outbound rules per security group"}
)

// standard are the types that standardVCPU counts: "c7gn.large", not "p5.48xlarge".
var standard = regexp.MustCompile(`^(?:[acdhimrtz]|im|is)[0-9]`)

// Room asks Service Quotas and EC2 in every region at once.
func (a *Account) Room(ctx context.Context, wants []account.Want) (account.Room, error) {
	var (
		mu    sync.Mutex
		room  = account.Room{Zones: map[region.Kind][]string{}}
		errs  []error
		group errgroup.Group
	)
	group.SetLimit(atOnce)
	for _, w := range wants {
		group.Go(func() error {
			some, err := a.roomIn(ctx, w)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(room.Zones, some.Zones)
			room.Short = append(room.Short, some.Short...)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", w.Region, err))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return account.Room{}, err
	}
	return room, errors.Join(errs...)
}

func (a *Account) roomIn(ctx context.Context, w account.Want) (account.Room, error) {
	client := a.at(w.Region.Name())
	room := account.Room{Zones: map[region.Kind][]string{}}
	errs := []error{zones(ctx, client, w, room.Zones)}
	take := func(q quota, want int, of map[string]int, used func(context.Context, *ec2.Client) (int, error)) {
		if want == 0 {
			return
		}
		limit, err := a.quota(ctx, w.Region.Name(), q)
		n := 0
		if err == nil && used != nil {
			n, err = used(ctx, client)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("quota %q: %w", q.name, brief(err)))
			return
		}
		room.Take(account.Shortage{Region: w.Region, Quota: q.name, Want: want, Used: n, Limit: limit, Machines: of})
	}
	vcpu, of := account.VCPU(w.Machines, standard.MatchString)
	take(standardVCPU, vcpu, of, runningVCPU)
	if w.NewNetwork {
		take(vpcs, 1, nil, countVPCs)
		take(gateways, 1, nil, countGateways)
	}
	// TCP and UDP each have a rule for each network; out there is one for stores.
	take(groupRules, max(2*(w.Peers+w.ControlCIDRs), 2*w.Peers+1), nil, nil)
	return room, errors.Join(errs...)
}

// zones finds where each type is offered, among the zones that need no opting in.
func zones(ctx context.Context, client *ec2.Client, w account.Want, into map[region.Kind][]string) error {
	there, err := client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{
		{Name: aws.String("opt-in-status"), Values: []string{"opt-in-not-required"}}, {Name: aws.String("state"), Values: []string{"available"}}}})
	if err != nil {
		return fmt.Errorf("zones: %w", brief(err))
	}
	var names []string
	for _, z := range there.AvailabilityZones {
		names = append(names, aws.ToString(z.ZoneName))
	}
	if len(names) == 0 {
		return errors.New("zones: EC2 lists none") // and not: no zone offers any machine
	}
	found := map[region.Kind][]string{}
	filter := types.Filter{Name: aws.String("instance-type")}
	for _, m := range w.Machines {
		found[region.Kind{Region: w.Region, Machine: m.Type}] = []string{}
		filter.Values = append(filter.Values, m.Type)
	}
	in := &ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter}}
	for {
		out, err := client.DescribeInstanceTypeOfferings(ctx, in)
		if err != nil {
			return fmt.Errorf("zones that offer the machines: %w", brief(err))
		}
		for _, o := range out.InstanceTypeOfferings {
			if k := (region.Kind{Region: w.Region, Machine: string(o.InstanceType)}); slices.Contains(names, aws.ToString(o.Location)) {
				found[k] = append(found[k], aws.ToString(o.Location))
			}
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	for k, in := range found {
		slices.Sort(in)
		into[k] = in
	}
	return nil
}

// noSuchQuota is the word for a quota that the account never had changed.
const noSuchQuota = "NoSuchResourceException"

// quota is what the account is granted, or else what every account is.
func (a *Account) quota(ctx context.Context, name string, q quota) (int, error) {
	base := a.base
	base.Region = name
	client := servicequotas.NewFromConfig(base)
	out, err := client.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if err == nil && out.Quota != nil && out.Quota.Value != nil {
		return int(*out.Quota.Value), nil
	}
	if err != nil && code(err) != noSuchQuota {
		return 0, err
	}
	all, err := client.GetAWSDefaultServiceQuota(ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if err != nil {
		return 0, err
	}
	if all.Quota == nil || all.Quota.Value == nil {
		return 0, errors.New("Service Quotas says no value")
	}
	return int(*all.Quota.Value), nil
}

// runningVCPU counts what the standard machines that run have, spot ones apart:
// those have a quota of their own.
func runningVCPU(ctx context.Context, client *ec2.Client) (int, error) {
	n := 0
	in := &ec2.DescribeInstancesInput{MaxResults: aws.Int32(1000), Filters: []types.Filter{
		{Name: aws.String("instance-state-name"), Values: []string{"pending", "running"}}}}
	for {
		out, err := client.DescribeInstances(ctx, in)
		if err != nil {
			return 0, err
		}
		for _, reservation := range out.Reservations {
			for _, i := range reservation.Instances {
				if i.InstanceLifecycle == "" && i.CpuOptions != nil && standard.MatchString(string(i.InstanceType)) {
					n += int(aws.ToInt32(i.CpuOptions.CoreCount) * aws.ToInt32(i.CpuOptions.ThreadsPerCore))
				}
			}
		}
		if aws.ToString(out.NextToken) == "" {
			return n, nil
		}
		in.NextToken = out.NextToken
	}
}

func countVPCs(ctx context.Context, client *ec2.Client) (int, error) {
	n := 0
	in := &ec2.DescribeVpcsInput{MaxResults: aws.Int32(1000)}
	for {
		out, err := client.DescribeVpcs(ctx, in)
		if err != nil {
			return 0, err
		}
		n += len(out.Vpcs)
		if aws.ToString(out.NextToken) == "" {
			return n, nil
		}
		in.NextToken = out.NextToken
	}
}

func countGateways(ctx context.Context, client *ec2.Client) (int, error) {
	n := 0
	in := &ec2.DescribeInternetGatewaysInput{MaxResults: aws.Int32(1000)}
	for {
		out, err := client.DescribeInternetGateways(ctx, in)
		if err != nil {
			return 0, err
		}
		n += len(out.InternetGateways)
		if aws.ToString(out.NextToken) == "" {
			return n, nil
		}
		in.NextToken = out.NextToken
	}
}
