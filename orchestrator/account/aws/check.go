package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/skyctl/skyctl/orchestrator/account"
)

// needed are the actions of the module aws-gateway and of gc.
var needed = []string{
	"ec2:AssociateRouteTable", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress",
	"ec2:CreateInternetGateway", "ec2:CreateManagedPrefixList", "ec2:CreateRoute", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet",
	"ec2:CreateTags", "ec2:CreateVpc", "ec2:CreateVpcEndpoint", "ec2:DeleteInternetGateway", "ec2:DeleteManagedPrefixList", "ec2:DeleteRoute", "ec2:DeleteRouteTable",
	"ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:DeleteVolume", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints",
	"ec2:DescribeAvailabilityZones", "ec2:DescribeImages", "ec2:DescribeInstanceAttribute", "ec2:DescribeInstanceCreditSpecifications",
	"ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes", "ec2:DescribeInstances", "ec2:DescribeInternetGateways", "ec2:DescribeManagedPrefixLists", "ec2:DescribeNetworkAcls",
	"ec2:DescribeNetworkInterfaces", "ec2:DescribePrefixLists", "ec2:DescribeRegions", "ec2:DescribeRouteTables",
	"ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeTags", "ec2:DescribeVolumes",
	"ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "ec2:DetachInternetGateway", "ec2:DisassociateRouteTable",
	"ec2:GetManagedPrefixListEntries", "ec2:ModifyManagedPrefixList", "ec2:ModifySecurityGroupRules", "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
	"ec2:RunInstances", "ec2:TerminateInstances",
	"servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota",
}

// how makes a managed policy: one that is part of a user may not be so long.
const how = "make a policy of it and attach that to the user or role whose credentials skyctl uses: aws iam create-policy --policy-name skyctl --policy-document file://FILE"

// dryRun is a request that EC2 only judges.
type dryRun struct {
	action string
	try    func(ctx context.Context, client *ec2.Client) error
}

// dryRuns are of what needs nothing that exists already.
var dryRuns = []dryRun{
	{"ec2:DescribeRegions", func(ctx context.Context, c *ec2.Client) error {
		_, err := c.DescribeRegions(ctx, &ec2.DescribeRegionsInput{DryRun: aws.Bool(true)})
		return err
	}},
	{"ec2:DescribeTags", func(ctx context.Context, c *ec2.Client) error {
		_, err := c.DescribeTags(ctx, &ec2.DescribeTagsInput{DryRun: aws.Bool(true)})
		return err
	}},
	{"ec2:DescribeInstances", func(ctx context.Context, c *ec2.Client) error {
		_, err := c.DescribeInstances(ctx, &ec2.DescribeInstancesInput{DryRun: aws.Bool(true)})
		return err
	}},
	{"ec2:DescribeSecurityGroups", func(ctx context.Context, c *ec2.Client) error {
		_, err := c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{DryRun: aws.Bool(true)})
		return err
	}},
	{"ec2:DescribeImages", func(ctx context.Context, c *ec2.Client) error {
		_, err := c.DescribeImages(ctx, &ec2.DescribeImagesInput{DryRun: aws.Bool(true), Owners: []string{canonical}})
		return err
	}},
	{"ec2:CreateVpc", func(ctx context.Context, c *ec2.Client) error {
		_, err := c.CreateVpc(ctx, &ec2.CreateVpcInput{DryRun: aws.Bool(true), CidrBlock: aws.String("10.0.0.0/24")})
		return err
	}},
	{"ec2:CreateInternetGateway", func(ctx context.Context, c *ec2.Client) error {
		_, err := c.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{DryRun: aws.Bool(true)})
		return err
	}},
	{"ec2:CreateSecurityGroup", func(ctx context.Context, c *ec2.Client) error {
		_, err := c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{DryRun: aws.Bool(true),
			GroupName: aws.String("skyctl-dry-run"), Description: aws.String("never created")})
		return err
	}},
	{"ec2:RunInstances", runInstances},
}

// canonical publishes Ubuntu.
const canonical = "099720109477"

// runInstances needs an image, which is why it is looked up: EC2 judges no
// request that names none.
func runInstances(ctx context.Context, c *ec2.Client) error {
	images, err := c.DescribeImages(ctx, &ec2.DescribeImagesInput{Owners: []string{canonical}, Filters: []types.Filter{
		{Name: aws.String("name"), Values: []string{"ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"}}}})
	if err != nil {
		return err
	}
	if len(images.Images) == 0 {
		return fmt.Errorf("no image of Ubuntu 24.04 in this region")
	}
	_, err = c.RunInstances(ctx, &ec2.RunInstancesInput{DryRun: aws.Bool(true), ImageId: images.Images[0].ImageId,
		InstanceType: types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	return err
}

// Check has EC2 judge what it can judge by a dry run, in the region of the
// credentials. What it cannot, for it would need something that exists, or for
// another reason than permission, is Unchecked.
func (a *Account) Check(ctx context.Context) (account.Permissions, error) {
	var p account.Permissions
	client := a.at(a.base.Region)
	for _, d := range dryRuns {
		err := d.try(ctx, client)
		switch code(err) {
		case "DryRunOperation":
			p.Granted = append(p.Granted, d.action)
		case "UnauthorizedOperation":
			p.Missing = append(p.Missing, d.action)
		case "":
			return p, fmt.Errorf("AWS: dry run of %s: %w", d.action, err)
		case "AuthFailure", "InvalidClientTokenId", "RequestExpired":
			return p, fmt.Errorf("AWS: dry run of %s: %w", d.action, brief(err))
		}
	}
	for _, action := range needed {
		if !slices.Contains(p.Granted, action) && !slices.Contains(p.Missing, action) {
			p.Unchecked = append(p.Unchecked, action)
		}
	}
	return p, nil
}

// Policy allows what is needed.
func Policy() (account.Policy, error) {
	content, err := json.MarshalIndent(policy, "", "  ")
	return account.Policy{Document: content, How: how}, err
}

type statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

type document struct {
	Version   string
	Statement []statement
}

// policy ends machines only if they carry the tag of a run.
var policy = document{Version: "2012-10-17", Statement: []statement{
	{Sid: "SkyctlGateways", Effect: "Allow", Resource: "*", Action: slices.DeleteFunc(slices.Clone(needed), func(a string) bool { return a == endsMachines })},
	{Sid: "SkyctlEndsItsMachines", Effect: "Allow", Resource: "*", Action: []string{endsMachines},
		Condition: map[string]map[string]string{"StringLike": {"aws:ResourceTag/" + account.TagRun: "*"}}},
}}

const endsMachines = "ec2:TerminateInstances"
