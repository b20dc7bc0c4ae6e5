package aws

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/cenkalti/backoff/v5"

	"github.com/skyctl/skyctl/orchestrator/account"
)

// Delete deletes one of EC2's things.
func (a *Account) Delete(ctx context.Context, r account.Resource) error {
	client, id := a.at(r.Region.Name()), &r.ID
	var err error
	switch types.ResourceType(r.Kind) {
	case types.ResourceTypeInstance:
		err = a.terminate(ctx, client, r.ID)
	case types.ResourceTypeVolume:
		_, err = client.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: id})
	case types.ResourceTypeVpcEndpoint:
		err = deleteEndpoint(ctx, client, r.ID)
	case types.ResourceTypeSecurityGroup:
		_, err = client.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: id})
	case types.ResourceTypePrefixList:
		_, err = client.DeleteManagedPrefixList(ctx, &ec2.DeleteManagedPrefixListInput{PrefixListId: id})
	case types.ResourceTypeSubnet:
		_, err = client.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: id})
	case types.ResourceTypeRouteTable:
		_, err = client.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: id})
	case types.ResourceTypeInternetGateway:
		err = deleteGateway(ctx, client, r.ID)
	case types.ResourceTypeVpc:
		_, err = client.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: id})
	default:
		return fmt.Errorf("a %s is not for skyctl to delete", r.Kind)
	}
	switch word := code(err); {
	case err == nil, gone(word):
		return nil
	case word == "DependencyViolation", word == "VolumeInUse", word == "IncorrectState":
		return &account.BusyError{Err: brief(err)}
	}
	return brief(err)
}

// gone tells whether a code says that there is no such thing: each kind has its
// own, "InvalidGroup.NotFound".
func gone(code string) bool {
	return strings.HasSuffix(code, ".NotFound")
}

// terminate waits until the machine is over: as long as it is not, its address
// and its security group are held.
func (a *Account) terminate(ctx context.Context, client *ec2.Client, id string) error {
	if _, err := client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
		return err
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
		if err != nil {
			return struct{}{}, backoff.Permanent(err)
		}
		for _, reservation := range out.Reservations {
			for _, i := range reservation.Instances {
				if i.State != nil && i.State.Name != types.InstanceStateNameTerminated {
					return struct{}{}, fmt.Errorf("%s is still %s", id, i.State.Name)
				}
			}
		}
		return struct{}{}, nil
	}, backoff.WithBackOff(backoff.NewConstantBackOff(a.cfg.Poll)))
	return err
}

// deleteEndpoint reads the refusal out of an answer that is a success.
func deleteEndpoint(ctx context.Context, client *ec2.Client, id string) error {
	out, err := client.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}})
	if err != nil {
		return err
	}
	for _, u := range out.Unsuccessful {
		if u.Error != nil && !gone(aws.ToString(u.Error.Code)) {
			return fmt.Errorf("%s: %s", aws.ToString(u.Error.Code), aws.ToString(u.Error.Message))
		}
	}
	return nil
}

// deleteGateway takes it off its VPC first.
func deleteGateway(ctx context.Context, client *ec2.Client, id string) error {
	out, err := client.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{id}})
	if err != nil {
		return err
	}
	for _, gateway := range out.InternetGateways {
		for _, at := range gateway.Attachments {
			_, err := client.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &id, VpcId: at.VpcId})
			if err != nil && code(err) != "Gateway.NotAttached" {
				return err
			}
		}
	}
	_, err = client.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &id})
	return err
}
