// Provisioner makes the volumes of the test cluster's StorageClass: one tmpfs of exactly the size that
// the claim asks for, below the chosen node's folder, so that a full volume is really full and fills
// nothing else. The watching, binding and deleting is the Kubernetes project's own library.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const hostname = "kubernetes.io/hostname"

type memory struct{ root string }

func (m memory) Provision(_ context.Context, o controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	if o.SelectedNodeName == "" {
		return nil, controller.ProvisioningFinished, errors.New("no node was chosen: the class must wait for the first consumer")
	}
	size := o.PVC.Spec.Resources.Requests[v1.ResourceStorage]
	folder := filepath.Join(m.root, o.SelectedNodeName, o.PVName)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	options := fmt.Sprintf("size=%d,mode=0777", size.Value())
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, options); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("mount %s: %w", folder, err)
	}
	here := v1.NodeSelectorRequirement{Key: hostname, Operator: v1.NodeSelectorOpIn, Values: []string{o.SelectedNodeName}}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			VolumeMode:                    o.PVC.Spec.VolumeMode,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: size},
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: folder}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{
				NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{here}}},
			}},
		},
	}, controller.ProvisioningFinished, nil
}

func (m memory) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	folder := volume.Spec.Local.Path
	// EINVAL: it is no mount any more.
	if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unmount %s: %w", folder, err)
	}
	return os.RemoveAll(folder)
}

func main() {
	name := flag.String("name", "", "provisioner of the StorageClass")
	kubeconfig := flag.String("kubeconfig", "", "file")
	root := flag.String("root", "", "folder of the volumes")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		klog.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	ctx := context.Background()
	controller.NewProvisionController(ctx, client, *name, memory{*root}, controller.LeaderElection(false)).Run(ctx)
}
