package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/skyctl/skyctl/orchestrator/account"
)

// busyCodes say that something else still uses a thing.
var busyCodes = []string{"InUseSubnetCannotBeDeleted", "InUseNetworkSecurityGroupCannotBeDeleted", "NicInUse", "NicInUseWithPrivateEndpoint",
	"PublicIPAddressCannotBeDeleted", "InUseVirtualNetworkCannotBeDeleted", "OperationNotAllowed", "AnotherOperationInProgress",
	"RoleDefinitionHasAssignments", "ResourceGroupBeingDeleted", "NicReservedForAnotherVm"}

// Delete deletes a thing by its id and waits until Azure says that it is gone. A
// group goes with all that is in it.
func (a *Account) Delete(ctx context.Context, r account.Resource) error {
	of, ok := kinds[r.Kind]
	if !ok {
		return fmt.Errorf("a %s is not for skyctl to delete", r.Kind)
	}
	err := a.delete(ctx, r.ID, of.version)
	refused, _ := errors.AsType[*azcore.ResponseError](err)
	switch {
	case err == nil, refused != nil && refused.StatusCode == http.StatusNotFound:
		return nil
	case refused != nil && (refused.StatusCode == http.StatusConflict || slices.Contains(busyCodes, refused.ErrorCode)):
		return &account.BusyError{Err: brief(err)}
	}
	return brief(err)
}

func (a *Account) delete(ctx context.Context, id, version string) error {
	req, err := a.request(ctx, http.MethodDelete, id, version, "")
	if err != nil {
		return err
	}
	resp, err := a.arm.Pipeline().Do(req)
	if err != nil {
		return err
	}
	if !runtime.HasStatusCode(resp, http.StatusOK, http.StatusAccepted, http.StatusNoContent) {
		return runtime.NewResponseError(resp)
	}
	poller, err := runtime.NewPoller[struct{}](resp, a.arm.Pipeline(), nil)
	if err != nil {
		return err
	}
	_, err = poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: a.cfg.Pause})
	return err
}
